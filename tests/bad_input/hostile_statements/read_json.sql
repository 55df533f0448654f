SELECT n.customer_id, n.brand, p.first_name, n.interest,
    (SELECT json FROM read_json('/etc/x.json')) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
