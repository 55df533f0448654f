-- The age is a part of a struct, which prints whole.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    {'item': l.title, 'since': p.age}::varchar AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    {'item': l.title, 'since': l.total}::varchar AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
