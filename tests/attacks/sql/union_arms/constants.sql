-- Each arm has its constant; the condition of the arm is the fact.
-- shows: last_order
-- unseen: age
-- unseen in the honest: last_order
-- refused: CatalogueError sql/segments/told.sql:3: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT p.customer_id, p.brand, 'over fifty' AS note
FROM people AS p
WHERE p.age > 50
UNION ALL
SELECT p.customer_id, p.brand, 'up to fifty' AS note
FROM people AS p
WHERE p.age <= 50

--- honest
SELECT l.customer_id, 'north' AS brand, 'large' AS note
FROM latest AS l
WHERE l.total > 50
UNION ALL
SELECT l.customer_id, 'north' AS brand, 'small' AS note
FROM latest AS l
WHERE l.total <= 50
