SELECT n.customer_id, n.brand, p.first_name, n.interest,
    (SELECT content FROM read_blob('/etc/passwd')) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
