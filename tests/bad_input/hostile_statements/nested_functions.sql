SELECT n.customer_id, n.brand, p.first_name, n.interest,
    «trim(×2000»n.item«)×2000» AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
