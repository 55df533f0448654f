-- A shared table has a row for each order, which is somebody's.
-- shows: last_order
-- refused: StatementError sql/shared/popular.sql: a row of this may be about one person, and would count as nobody's

--- attack
SELECT p.customer_id, p.brand, s.word AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
LEFT JOIN popular AS s ON s.item_id = l.order_id

--- honest
SELECT p.customer_id, p.brand, s.times AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
LEFT JOIN items AS i ON i.title = l.title
LEFT JOIN popular AS s ON s.item_id = i.item_id

--- attack sql/shared/popular.sql
SELECT o.order_id AS item_id, p.age AS word FROM orders AS o INNER JOIN people AS p USING (customer_id)

--- honest sql/shared/popular.sql
SELECT item_id, count(DISTINCT customer_id) AS times
FROM orders
GROUP BY item_id
HAVING count(DISTINCT customer_id) >= 10
