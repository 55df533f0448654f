-- The age stands in where there is no order.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    coalesce(l.title, p.age::varchar) AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    coalesce(l.title, 'kit') AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
