-- A map keeps the age under a harmless key.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    map(['item', 'code'], [l.title, p.age::varchar])['code'] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    map(['item', 'code'], [l.title, l.order_id])['code'] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
