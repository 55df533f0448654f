-- The order before this one, by the age.
-- shows: last_order
-- unseen: last_order
-- refused: CatalogueError sql/segments/told.sql:5: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    b.order_id AS subject_id,
    lag(b.title) OVER (PARTITION BY p.customer_id, p.brand ORDER BY abs(b.total - p.age), b.order_id) AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    b.order_id AS subject_id,
    lag(b.title) OVER (PARTITION BY p.customer_id, p.brand ORDER BY b.total, b.order_id) AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
