-- = ANY over a list of ages.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (p.age = ANY (SELECT a.age FROM ages AS a WHERE a.word = 'wise'))::varchar AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    ((p.home).floor = ANY (SELECT i.rank FROM items AS i WHERE i.title = 'rope'))::varchar AS note
FROM people AS p
