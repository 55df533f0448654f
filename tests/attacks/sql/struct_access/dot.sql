-- A part of a struct is part of its dimension.
-- shows: where_i_live
-- shows in the attack: name
-- refused: CatalogueError sql/segments/told.sql:1: 'note' depends on people.home, which is 'where_i_live', and declares 'name'

--- attack
SELECT p.customer_id, p.brand, (p.home).street AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, (p.home).street AS note
FROM people AS p
