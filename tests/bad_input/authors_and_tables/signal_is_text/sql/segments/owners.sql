
SELECT n.customer_id, n.brand, n.item, p.first_name, n.item AS interest
FROM needs n JOIN people p USING (customer_id, brand)
