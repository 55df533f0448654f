-- The condition of a join stands in parentheses of joins.
-- shows: name
-- refused: StatementError sql/segments/told.sql:3: a join in parentheses cannot be traced

--- attack
SELECT p.customer_id, p.brand, q.first_name AS note
FROM people AS p
LEFT JOIN (people AS q INNER JOIN visits AS v ON v.customer_id = q.customer_id AND v.page = 'sale') ON q.customer_id = p.customer_id AND q.brand = p.brand

--- honest
SELECT p.customer_id, p.brand, q.first_name AS note
FROM people AS p
LEFT JOIN people AS q ON q.customer_id = p.customer_id AND q.brand = p.brand
