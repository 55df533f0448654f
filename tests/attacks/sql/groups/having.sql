-- HAVING keeps the group, and the row that is there says so.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:5: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH kept AS (
    SELECT p.customer_id, p.brand, 'kept' AS word
    FROM people AS p
    GROUP BY p.customer_id, p.brand
    HAVING max(p.age) > 50
)

SELECT p.customer_id, p.brand, k.word AS note
FROM people AS p
LEFT JOIN kept AS k ON k.customer_id = p.customer_id AND k.brand = p.brand

--- honest
WITH kept AS (
    SELECT p.customer_id, p.brand, 'kept' AS word
    FROM people AS p
    GROUP BY p.customer_id, p.brand
    HAVING max(p.city) = 'Bonn'
)

SELECT p.customer_id, p.brand, k.word AS note
FROM people AS p
LEFT JOIN kept AS k ON k.customer_id = p.customer_id AND k.brand = p.brand
