-- CASE of a value; each WHEN compares the age.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    CASE p.age // 10
        WHEN 2 THEN 'hi'
        WHEN 3 THEN 'hello'
        ELSE 'dear customer'
    END AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    CASE l.total // 10
        WHEN 2 THEN 'hi'
        WHEN 3 THEN 'hello'
        ELSE 'dear customer'
    END AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
