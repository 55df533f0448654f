-- NULLIF hides the comparison in what is null.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    coalesce(nullif(l.title, if(p.age > 50, l.title, '')), 'your kit') AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    coalesce(nullif(l.title, if(l.total > 50, l.title, '')), 'your kit') AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
