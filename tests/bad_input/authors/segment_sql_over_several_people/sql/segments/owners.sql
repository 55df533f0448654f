
SELECT n.customer_id, n.brand, n.item, p.first_name, avg(n.interest) OVER () AS interest
FROM needs n JOIN people p USING (customer_id, brand)
