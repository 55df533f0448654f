-- DISTINCT ON keeps the first by the age.
-- shows: last_order
-- unseen: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT DISTINCT ON (p.customer_id, p.brand) p.customer_id, p.brand, b.title AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
ORDER BY p.customer_id, p.brand, abs(b.total - p.age), b.order_id

--- honest
SELECT DISTINCT ON (p.customer_id, p.brand) p.customer_id, p.brand, b.title AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
ORDER BY p.customer_id, p.brand, b.total, b.order_id
