-- A table with other names for its columns, in another order.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:2: a table with other names for its columns cannot be traced

--- attack
SELECT p.customer_id, p.brand, p.place AS note
FROM people AS p(customer_id, brand, country, locale, email, phone, first_name, place)

--- honest
SELECT p.customer_id, p.brand, p.city AS note
FROM people AS p
