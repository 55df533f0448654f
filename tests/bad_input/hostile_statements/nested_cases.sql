SELECT n.customer_id, n.brand, p.first_name, n.interest,
    «CASE WHEN true THEN ×400»n.item« END×400» AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
