-- As many rows as years, counted.
-- shows: where_i_live
-- unseen: where_i_live
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH years AS (
    SELECT p.customer_id, p.brand, unnest(range(p.age)) AS n
    FROM people AS p
)

SELECT y.customer_id, y.brand, count(*) AS note
FROM years AS y
GROUP BY y.customer_id, y.brand

--- honest
WITH years AS (
    SELECT p.customer_id, p.brand, unnest(range((p.home).floor)) AS n
    FROM people AS p
)

SELECT y.customer_id, y.brand, count(*) AS note
FROM years AS y
GROUP BY y.customer_id, y.brand
