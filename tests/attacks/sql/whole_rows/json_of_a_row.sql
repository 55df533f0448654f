-- JSON of a whole row.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:1: a whole row as one value cannot be traced

--- attack
SELECT p.customer_id, p.brand, to_json(p)::varchar AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, to_json(p.city)::varchar AS note
FROM people AS p
