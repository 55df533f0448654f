-- A row as one value has every column.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:1: a whole row as one value cannot be traced

--- attack
SELECT p.customer_id, p.brand, p::varchar AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, row(p.city)::varchar AS note
FROM people AS p
