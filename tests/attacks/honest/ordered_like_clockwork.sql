-- The days between orders, by a window over one person's orders.
-- fields: usual_days last_order, last_ordered_on last_order
-- because: last_order

--- segment
WITH gaps AS (
    SELECT
        customer_id,
        brand,
        ordered_at,
        date_diff('day', lag(ordered_at) OVER w, ordered_at) AS gap_days
    FROM orders
    WHERE status IN ('delivered', 'sent')
    WINDOW w AS (PARTITION BY customer_id, brand ORDER BY ordered_at)
)

SELECT
    customer_id,
    brand,
    round(median(gap_days))::INTEGER AS usual_days,
    max(ordered_at)::DATE AS last_ordered_on,
    max(ordered_at) AS last_order_as_of
FROM gaps
GROUP BY customer_id, brand
HAVING count(gap_days) >= 3 AND max(ordered_at) < $now - INTERVAL 30 DAYS
