-- When the order is from is told by the age.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:5: 'last_order_as_of' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    l.title AS note,
    TIMESTAMP '2026-01-01' + to_days(p.age) AS last_order_as_of
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    l.title AS note,
    l.ordered_on::timestamp AS last_order_as_of
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
