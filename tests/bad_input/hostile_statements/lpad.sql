SELECT n.customer_id, n.brand, p.first_name, n.interest,
    lpad('a', 2000000000, 'b') AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
