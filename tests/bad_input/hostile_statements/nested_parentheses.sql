SELECT n.customer_id, n.brand, p.first_name, n.interest,
    «(×1000»n.item«)×1000» AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
