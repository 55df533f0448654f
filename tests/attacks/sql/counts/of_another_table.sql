-- The number of visits is called the number of parts.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (SELECT count(*) FROM visits AS v WHERE v.customer_id = p.customer_id) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    (SELECT count(*) FROM orders AS o WHERE o.customer_id = p.customer_id) AS note
FROM people AS p
