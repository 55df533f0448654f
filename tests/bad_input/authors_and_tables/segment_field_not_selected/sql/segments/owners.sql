
SELECT n.customer_id, n.brand, p.first_name, n.interest
FROM needs n JOIN people p USING (customer_id, brand)
