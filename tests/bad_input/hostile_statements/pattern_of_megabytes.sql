SELECT n.customer_id, n.brand, p.first_name, n.interest,
    regexp_replace(n.item, repeat('a|', 50000000), 'x') AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
