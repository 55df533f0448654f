-- A table function over the age.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:2: 'GENERATE_SERIES(1, p.age) AS g(n)' is a table function

--- attack
SELECT p.customer_id, p.brand, max(g.n) AS note
FROM people AS p, generate_series(1, p.age) AS g(n)
GROUP BY p.customer_id, p.brand

--- honest
SELECT p.customer_id, p.brand, (p.home).floor AS note
FROM people AS p
