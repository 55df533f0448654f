SELECT n.customer_id, n.brand, p.first_name, n.interest,
    strftime(n.since_at, repeat('%Y', 100000000)) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
