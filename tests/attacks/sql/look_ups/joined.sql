-- A table without people is looked up by the age.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    a.word AS note
FROM people AS p
LEFT JOIN ages AS a ON a.age = p.age

--- honest
SELECT
    p.customer_id,
    p.brand,
    s.store AS note
FROM people AS p
LEFT JOIN stores AS s ON s.city = p.city
