-- A left join that finds nothing leaves the constant out.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
WITH seen AS (
    SELECT DISTINCT customer_id, 'welcome back' AS word FROM visits
)

SELECT p.customer_id, p.brand, s.word AS note
FROM people AS p
LEFT JOIN seen AS s ON s.customer_id = p.customer_id

--- honest
WITH seen AS (
    SELECT DISTINCT customer_id, 'welcome back' AS word FROM orders
)

SELECT p.customer_id, p.brand, s.word AS note
FROM people AS p
LEFT JOIN seen AS s ON s.customer_id = p.customer_id
