-- A view of a view has the condition.
-- shows: name
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on people.age, which is 'age', and declares 'name'

--- attack
SELECT
    p.customer_id,
    p.brand,
    coalesce(g.greeting, p.first_name || '!') AS note
FROM people AS p
LEFT JOIN greeted AS g ON g.customer_id = p.customer_id AND g.brand = p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    coalesce(q.first_name, p.first_name || '!') AS note
FROM people AS p
LEFT JOIN people AS q ON q.customer_id = p.customer_id AND q.brand = p.brand
