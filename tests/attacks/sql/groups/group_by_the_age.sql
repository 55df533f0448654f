-- Rows come together by the age, and are counted apart.
-- shows: where_i_live
-- unseen: where_i_live
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH grouped AS (
    SELECT p.customer_id, p.brand, p.age > 50 AS is_old, count(*) AS n
    FROM people AS p
    GROUP BY ALL
)

SELECT g.customer_id, g.brand, count(*) FILTER (WHERE g.is_old) AS note
FROM grouped AS g
GROUP BY g.customer_id, g.brand

--- honest
WITH grouped AS (
    SELECT p.customer_id, p.brand, p.city = 'Bonn' AS is_near, count(*) AS n
    FROM people AS p
    GROUP BY ALL
)

SELECT g.customer_id, g.brand, count(*) FILTER (WHERE g.is_near) AS note
FROM grouped AS g
GROUP BY g.customer_id, g.brand
