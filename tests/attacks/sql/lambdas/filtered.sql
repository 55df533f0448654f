-- A lambda function keeps entries by the age.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    list_filter(['a', 'b', 'c', 'd'], lambda t, i: i > p.age // 20)::varchar AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    list_filter(['a', 'b', 'c', 'd'], lambda t, i: i > l.total // 20)::varchar AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
