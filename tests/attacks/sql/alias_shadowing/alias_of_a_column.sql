-- An alias of the same SELECT hides what it stands for.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:1: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT p.customer_id, p.brand, p.age AS total, 'no. ' || total AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, (p.home).floor AS total, 'no. ' || total AS note
FROM people AS p
