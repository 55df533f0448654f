-- Rows that were joined before a RIGHT JOIN are there together, or not at all.
-- shows: name
-- refused: CatalogueError sql/segments/told.sql:3: 'note' depends on a row of visits, which is 'visits', and declares 'name'

--- attack
SELECT q.customer_id, q.brand, p.first_name AS note
FROM people AS p
INNER JOIN visits AS v ON v.customer_id = p.customer_id AND v.page = 'sale'
RIGHT JOIN people AS q ON q.customer_id = p.customer_id AND q.brand = p.brand

--- honest
SELECT q.customer_id, q.brand, p.first_name AS note
FROM people AS p
RIGHT JOIN people AS q ON q.customer_id = p.customer_id AND q.brand = p.brand
