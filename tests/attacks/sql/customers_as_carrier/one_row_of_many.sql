-- customers.sql keeps one order of each, so that orders seem to be one for each person.
-- shows: last_order
-- unseen: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT p.customer_id, p.brand, o.item_id AS note
FROM people AS p
INNER JOIN orders AS o ON o.customer_id = p.customer_id
WHERE o.total > p.age

--- honest
SELECT p.customer_id, p.brand, max(o.item_id) AS note
FROM people AS p
INNER JOIN orders AS o ON o.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand

--- both sql/customers.sql
SELECT p.customer_id, p.brand, p.country, p.locale, p.email
FROM people AS p
JOIN orders AS o ON o.customer_id = p.customer_id AND o.order_id = 'o0001'
