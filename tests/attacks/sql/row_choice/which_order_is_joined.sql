-- The last WHERE compares an order with the age: it chooses among orders, not people.
-- shows: last_order
-- unseen: last_order, age
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT p.customer_id, p.brand, max(b.title) AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
WHERE b.total > p.age
GROUP BY p.customer_id, p.brand

--- honest
SELECT p.customer_id, p.brand, max(b.title) AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
WHERE b.total > 50 AND p.age > 50
GROUP BY p.customer_id, p.brand
