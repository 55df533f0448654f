-- A macro is given a column without its table, which a query of its own has, too.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql: the macro 'word_for' is given 'age', and has a query of its own

--- attack
SELECT
    customer_id,
    brand,
    word_for(age) AS note
FROM people

--- honest
SELECT
    customer_id,
    brand,
    by_age((home).floor, 'high up', 'near the ground') AS note
FROM people
