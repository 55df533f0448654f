-- A subquery of one value looks up by the age.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (SELECT a.word FROM ages AS a WHERE a.age = p.age) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    (SELECT s.store FROM stores AS s WHERE s.city = p.city) AS note
FROM people AS p
