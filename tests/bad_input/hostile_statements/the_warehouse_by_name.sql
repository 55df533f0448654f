SELECT n.customer_id, n.brand, p.first_name, n.interest,
    n.item AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
JOIN warehouse.main.people AS w ON w.customer_id = n.customer_id
