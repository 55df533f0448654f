-- A digest of the age can be looked up by whoever has sixty of them.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    substr(md5(p.age::varchar), 1, 6) AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    substr(md5(l.order_id), 1, 6) AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
