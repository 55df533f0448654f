-- CASE yields a sentence and none of the value.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:5: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    CASE
        WHEN p.age > 50 THEN 'for those who know'
        ELSE 'for everybody'
    END AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id

--- honest
SELECT
    p.customer_id,
    p.brand,
    CASE
        WHEN l.total > 50 THEN 'for those who know'
        ELSE 'for everybody'
    END AS note
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
