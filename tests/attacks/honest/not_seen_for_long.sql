-- Who has not been here: the latest of three kinds of traces, none of which is told.
-- fields: first_name name
-- because: visits
-- unseen: logging_in, last_order

--- segment
WITH traces AS (
    SELECT customer_id, brand, max(viewed_at) AS last_at FROM page_views GROUP BY ALL
    UNION ALL
    SELECT customer_id, brand, max(logged_in_at) FROM logins GROUP BY ALL
    UNION ALL
    SELECT customer_id, brand, max(ordered_at) FROM orders GROUP BY ALL
),

last_seen AS (
    SELECT customer_id, brand, max(last_at) AS last_at FROM traces GROUP BY customer_id, brand
)

SELECT
    t.customer_id,
    t.brand,
    c.first_name
FROM last_seen AS t
INNER JOIN customers AS c USING (customer_id)
WHERE t.last_at < $now - INTERVAL 90 DAYS
