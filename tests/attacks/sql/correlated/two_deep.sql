-- The comparison is two queries deep.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:8: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT max(b.title)
        FROM bought AS b
        WHERE b.customer_id = p.customer_id
            AND EXISTS (SELECT 1 FROM ages AS a WHERE a.age = p.age AND a.word = 'wise')
    ) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT max(b.title)
        FROM bought AS b
        WHERE b.customer_id = p.customer_id
            AND EXISTS (SELECT 1 FROM ages AS a WHERE a.age = b.total AND a.word = 'wise')
    ) AS note
FROM people AS p
