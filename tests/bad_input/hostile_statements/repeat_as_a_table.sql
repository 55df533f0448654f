SELECT n.customer_id, n.brand, p.first_name, n.interest,
    n.item AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
JOIN repeat_row(1, num_rows = 1000000000) AS g ON true
