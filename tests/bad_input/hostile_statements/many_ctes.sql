WITH a AS (SELECT 1 AS x)«, a AS (SELECT * FROM a)×400»
SELECT n.customer_id, n.brand, p.first_name, n.interest,
    n.item AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
