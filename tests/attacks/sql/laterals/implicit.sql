-- A subquery in FROM looks at the table before it.
-- shows: where_i_live
-- unseen: where_i_live
-- refused: StatementError sql/segments/told.sql: this cannot be traced: Column 'age' could not be resolved for table: 'p'

--- attack
SELECT p.customer_id, p.brand, x.word AS note
FROM people AS p, (SELECT max(a.word) AS word FROM ages AS a WHERE a.age = p.age) AS x

--- honest
SELECT p.customer_id, p.brand, s.store AS note
FROM people AS p, stores AS s
WHERE s.city = p.city
