-- A CTE of two arms names the age, and the last SELECT only reads it.
-- shows: where_i_live
-- unseen: where_i_live
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH named AS (
    SELECT customer_id, brand, 'wise' AS word FROM people WHERE age > 50
    UNION
    SELECT customer_id, brand, 'young' AS word FROM people WHERE age <= 50
)

SELECT n.customer_id, n.brand, n.word AS note
FROM named AS n

--- honest
WITH named AS (
    SELECT customer_id, brand, 'wise' AS word FROM people WHERE city = 'Bonn'
    UNION
    SELECT customer_id, brand, 'young' AS word FROM people WHERE city <> 'Bonn'
)

SELECT n.customer_id, n.brand, n.word AS note
FROM named AS n
