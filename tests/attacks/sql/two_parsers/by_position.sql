-- #8 is the eighth column.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:1: positional reference is not read here

--- attack
SELECT p.customer_id, p.brand, #8 AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, p.city AS note
FROM people AS p
