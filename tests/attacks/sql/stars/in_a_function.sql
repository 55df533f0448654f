-- A star within a function.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:1: COLUMNS(…) cannot be traced

--- attack
SELECT p.customer_id, p.brand, struct_pack(*COLUMNS(p.*))::varchar AS note
FROM people AS p

--- honest
SELECT p.customer_id, p.brand, struct_pack(city := p.city)::varchar AS note
FROM people AS p
