-- A star renames the age.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:1: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH renamed AS (
    SELECT * RENAME (age AS years) FROM people
)

SELECT r.customer_id, r.brand, r.years AS note
FROM renamed AS r

--- honest
WITH renamed AS (
    SELECT p.*, p.city AS place FROM people AS p
)

SELECT r.customer_id, r.brand, r.place AS note
FROM renamed AS r
