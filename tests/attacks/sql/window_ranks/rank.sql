-- The rank of an order is by the seconds of visits.
-- shows: last_order
-- unseen: last_order
-- refused: CatalogueError sql/segments/told.sql:7: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
SELECT
    o.customer_id,
    'north' AS brand,
    o.order_id AS subject_id,
    rank() OVER (PARTITION BY o.customer_id ORDER BY v.seconds) AS note
FROM orders AS o
LEFT JOIN (SELECT customer_id, max(seconds) AS seconds FROM visits GROUP BY customer_id) AS v ON v.customer_id = o.customer_id AND v.seconds > o.total % 9

--- honest
SELECT
    o.customer_id,
    'north' AS brand,
    o.order_id AS subject_id,
    rank() OVER (PARTITION BY o.customer_id ORDER BY o.ordered_on, o.order_id) AS note
FROM orders AS o
