-- A lambda function takes the age in from outside.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    list_transform([l.title], lambda t: t || p.age)[1] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    list_transform([l.title], lambda t: t || l.total)[1] AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
