-- A view has the condition; its column is only the name.
-- shows: last_order
-- shows in the attack: name
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on people.age, which is 'age', and declares 'name'

--- attack
SELECT
    p.customer_id,
    p.brand,
    f.first_name AS note
FROM people AS p
LEFT JOIN over_fifty AS f ON f.customer_id = p.customer_id AND f.brand = p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    l.title AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
