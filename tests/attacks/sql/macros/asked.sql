-- A macro looks up.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    word_for(p.age) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    word_for((p.home).floor) AS note
FROM people AS p
