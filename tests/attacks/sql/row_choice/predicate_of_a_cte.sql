-- A CTE keeps the rows of the old, and is joined for its constant.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
WITH known AS (
    SELECT customer_id, brand, 'as you know' AS word
    FROM people
    WHERE age > 50
)

SELECT p.customer_id, p.brand, k.word AS note
FROM people AS p
LEFT JOIN known AS k ON k.customer_id = p.customer_id AND k.brand = p.brand

--- honest
WITH known AS (
    SELECT customer_id, 'as you know' AS word
    FROM latest
    WHERE total > 50
)

SELECT p.customer_id, p.brand, k.word AS note
FROM people AS p
LEFT JOIN known AS k ON k.customer_id = p.customer_id
