SELECT n.customer_id, n.brand, p.first_name, n.interest,
    len(list_reduce(range(60), lambda x, y: x || x, 'aa')) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
