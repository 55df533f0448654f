-- A CTE is in an order that the list takes over.
-- shows: last_order
-- unseen: last_order
-- refused: CatalogueError sql/segments/told.sql:5: 'note' depends on people.age, which is 'age', and declares 'last_order'

--- attack
WITH ordered AS (
    SELECT b.customer_id, b.title
    FROM bought AS b
    INNER JOIN people AS p ON p.customer_id = b.customer_id
    ORDER BY abs(b.total - p.age), b.order_id
)

SELECT o.customer_id, 'north' AS brand, first(o.title) AS note
FROM ordered AS o
GROUP BY o.customer_id

--- honest
WITH ordered AS (
    SELECT b.customer_id, b.title
    FROM bought AS b
    INNER JOIN people AS p ON p.customer_id = b.customer_id
    ORDER BY b.total, b.order_id
)

SELECT o.customer_id, 'north' AS brand, first(o.title) AS note
FROM ordered AS o
GROUP BY o.customer_id
