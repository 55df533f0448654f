-- A left join repeats the rows of a CTE, and the last SELECT counts them.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
WITH repeated AS (
    SELECT p.customer_id, p.brand
    FROM people AS p
    LEFT JOIN visits AS v ON v.customer_id = p.customer_id
)

SELECT r.customer_id, r.brand, count(*) AS note
FROM repeated AS r
GROUP BY r.customer_id, r.brand

--- honest
WITH repeated AS (
    SELECT p.customer_id, p.brand
    FROM people AS p
    LEFT JOIN orders AS o ON o.customer_id = p.customer_id
)

SELECT r.customer_id, r.brand, count(*) AS note
FROM repeated AS r
GROUP BY r.customer_id, r.brand
