SELECT n.customer_id, n.brand, p.first_name, n.interest,
    «replace(×9»'a'«, 'a', 'aaaaaaaaaaaaaaaaaaaa')×9» AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
