-- The age is an entry of a list, and is taken out again.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    [l.title, p.age::varchar][2] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    [l.title, l.total::varchar][2] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
