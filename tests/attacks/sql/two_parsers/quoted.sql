-- Quotes and capitals change nothing.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:1: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT p.customer_id, p.brand, "p"."AGE" AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, "p"."CITY" AS note
FROM people AS p
