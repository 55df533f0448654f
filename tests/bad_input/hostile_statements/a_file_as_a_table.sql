SELECT n.customer_id, n.brand, p.first_name, n.interest,
    n.item AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
JOIN 'people.csv' AS r ON true
