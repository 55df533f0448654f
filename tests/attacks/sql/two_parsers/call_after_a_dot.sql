-- A function after a dot reads the column before it.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:1: the function 'concat' stands after a dot

--- attack
SELECT p.customer_id, p.brand, p.age.concat(p.city) AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, concat(p.city) AS note
FROM people AS p
