-- The arrow reads it, too.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.traits, which is 'size', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    p.traits ->> 'size' AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    to_json({'item': l.title}) ->> 'item' AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
