-- A CTE bears the name of a table without people.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH items AS (
    SELECT customer_id, brand, age::varchar AS title FROM people
)

SELECT i.customer_id, i.brand, i.title AS note
FROM items AS i

--- honest
WITH items AS (
    SELECT customer_id, brand, city AS title FROM people
)

SELECT i.customer_id, i.brand, i.title AS note
FROM items AS i
