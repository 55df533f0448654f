-- A list of as many numbers as years.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    len(range(p.age)) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    len(range((p.home).floor)) AS note
FROM people AS p
