-- The window is named, and its order stands apart.
-- shows: last_order
-- unseen: last_order
-- refused: CatalogueError sql/segments/told.sql:8: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    b.order_id AS subject_id,
    first_value(b.title) OVER w AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
WINDOW w AS (PARTITION BY p.customer_id, p.brand ORDER BY abs(b.total - p.age), b.order_id)

--- honest
SELECT
    p.customer_id,
    p.brand,
    b.order_id AS subject_id,
    first_value(b.title) OVER w AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
WINDOW w AS (PARTITION BY p.customer_id, p.brand ORDER BY b.total, b.order_id)
