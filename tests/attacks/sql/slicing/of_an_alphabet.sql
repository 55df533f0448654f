-- A letter stands for the age.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    substr('abcdefghijklmnopqrstuvwxyz', p.age // 10, 1) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    substr('abcdefghijklmnopqrstuvwxyz', (p.home).floor, 1) AS note
FROM people AS p
