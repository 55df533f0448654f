-- The customer is in a list of those who have looked.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (p.customer_id IN (SELECT v.customer_id FROM visits AS v))::varchar AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    (p.customer_id IN (SELECT o.customer_id FROM orders AS o))::varchar AS note
FROM people AS p
