-- A star puts the age in the place of the city.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH replaced AS (
    SELECT * REPLACE (age::varchar AS city) FROM people
)

SELECT r.customer_id, r.brand, r.city AS note
FROM replaced AS r

--- honest
WITH replaced AS (
    SELECT * REPLACE (upper(city) AS city) FROM people
)

SELECT r.customer_id, r.brand, r.city AS note
FROM replaced AS r
