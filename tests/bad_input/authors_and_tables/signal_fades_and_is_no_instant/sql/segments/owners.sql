
SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest AS since_at
FROM needs n JOIN people p USING (customer_id, brand)
