-- A CTE with other names for its columns.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH placed(customer_id, brand, city) AS (
    SELECT customer_id, brand, age FROM people
)

SELECT p.customer_id, p.brand, p.city AS note
FROM placed AS p

--- honest
WITH placed(customer_id, brand, place) AS (
    SELECT customer_id, brand, city FROM people
)

SELECT p.customer_id, p.brand, p.place AS note
FROM placed AS p
