
SELECT n.customer_id, n.brand, n.item, p.first_name, p.country AS land, n.interest AS liking, n.interest
FROM needs n JOIN people p USING (customer_id, brand)
