SELECT n.customer_id, n.brand, p.first_name, n.interest,
    n.item IN ('x'«, 'a value of some length'×20000») AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
