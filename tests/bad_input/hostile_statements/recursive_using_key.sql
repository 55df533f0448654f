WITH RECURSIVE r(n) USING KEY (n) AS (SELECT 1 UNION SELECT n + 1 FROM r)
SELECT n.customer_id, n.brand, p.first_name, n.interest,
    (SELECT max(n) FROM r) AS item
FROM needs AS n JOIN people AS p USING (customer_id, brand)
