-- A recursive CTE counts up to the age.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:1: WITH RECURSIVE may never end

--- attack
WITH RECURSIVE steps AS (
    SELECT customer_id, brand, 18 AS n FROM people
    UNION ALL
    SELECT s.customer_id, s.brand, s.n + 1 FROM steps AS s INNER JOIN people AS p ON p.customer_id = s.customer_id AND p.age > s.n
)

SELECT s.customer_id, s.brand, max(s.n) AS note
FROM steps AS s
GROUP BY s.customer_id, s.brand

--- honest
WITH steps AS (
    SELECT customer_id, brand, (home).floor AS n FROM people
    UNION ALL
    SELECT customer_id, brand, (home).floor + 1 FROM people
)

SELECT s.customer_id, s.brand, max(s.n) AS note
FROM steps AS s
GROUP BY s.customer_id, s.brand
