WITH RECURSIVE r AS (
    SELECT 1 AS n UNION ALL SELECT n + 1 FROM r
)
SELECT n.customer_id, n.brand, p.first_name, n.interest,
    (SELECT max(n) FROM r) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
