SELECT n.customer_id, n.brand, p.first_name, n.interest,
    n.item AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
ASOF JOIN needs AS o ON n.since_at >= o.since_at
