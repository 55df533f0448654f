-- A subquery reads orders only, and compares them with what is outside.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:7: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT max(b.title)
        FROM bought AS b
        WHERE b.customer_id = p.customer_id AND b.total > p.age
    ) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT max(b.title)
        FROM bought AS b
        WHERE b.customer_id = p.customer_id AND b.total > 50
    ) AS note
FROM people AS p
