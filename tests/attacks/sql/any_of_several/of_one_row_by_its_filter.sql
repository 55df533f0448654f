-- There is one first name to take, but an age decides whether any is taken.
-- shows: name
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'name'

--- attack
SELECT
    p.customer_id,
    p.brand,
    any_value(p.first_name) FILTER (WHERE p.age > 50) AS note
FROM people AS p
GROUP BY p.customer_id, p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    any_value(p.first_name) AS note
FROM people AS p
GROUP BY p.customer_id, p.brand
