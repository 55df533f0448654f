-- A hash of the age chooses among words.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    ['a', 'b', 'c'][1 + (hash(p.age) % 3)::int] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    ['a', 'b', 'c'][1 + (hash(l.order_id) % 3)::int] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
