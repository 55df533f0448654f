-- The brand is chosen by the age, and with it the layout.
-- shows: where_i_live
-- refused: StatementError sql/segments/told.sql:3: 'brand' depends on people.age, which is 'age'

--- attack
SELECT
    p.customer_id,
    CASE WHEN p.age > 50 THEN 'south' ELSE 'north' END AS brand,
    p.city AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    'south' AS brand,
    p.city AS note
FROM people AS p
