SELECT n.customer_id, n.brand, p.first_name, n.interest,
    len(generate_series(1, 2000000000)) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
