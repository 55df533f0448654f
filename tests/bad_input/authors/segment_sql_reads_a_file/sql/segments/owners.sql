
SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest
FROM read_csv('needs.csv') n JOIN people p USING (customer_id, brand)
