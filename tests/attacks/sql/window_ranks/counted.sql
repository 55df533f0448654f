-- A window counts the visits that are joined.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
SELECT DISTINCT
    p.customer_id,
    p.brand,
    count(v.page) OVER (PARTITION BY p.customer_id, p.brand) AS note
FROM people AS p
LEFT JOIN visits AS v ON v.customer_id = p.customer_id

--- honest
SELECT DISTINCT
    p.customer_id,
    p.brand,
    count(o.order_id) OVER (PARTITION BY p.customer_id, p.brand) AS note
FROM people AS p
LEFT JOIN orders AS o ON o.customer_id = p.customer_id
