SELECT n.customer_id, n.brand, p.first_name, n.interest,
    repeat(repeat('a', 100000), 10000) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
