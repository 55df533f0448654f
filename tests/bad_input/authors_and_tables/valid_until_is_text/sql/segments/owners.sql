
SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest, 'soon' AS valid_until
FROM needs n JOIN people p USING (customer_id, brand)
