-- The first of a person's rows is asked for, in the order of something else.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:7: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT b.title
        FROM bought AS b
        LEFT JOIN visits AS v ON v.customer_id = b.customer_id
        WHERE b.customer_id = p.customer_id
        ORDER BY v.seconds + b.total
        LIMIT 1
    ) AS note
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    (
        SELECT b.title
        FROM bought AS b
        WHERE b.customer_id = p.customer_id
        ORDER BY b.ordered_on, b.order_id
        LIMIT 1
    ) AS note
FROM people AS p
