-- What has happened to orders, of two kinds, one under the other.
-- fields: news last_order, news_on last_order
-- because: last_order

--- segment
WITH news AS (
    SELECT o.customer_id, o.brand, o.order_id, 'is on its way' AS news, d.shipped_at AS happened_at
    FROM orders AS o
    INNER JOIN deliveries AS d ON d.order_id = o.order_id
    WHERE d.shipped_at IS NOT NULL
    UNION ALL
    SELECT o.customer_id, o.brand, o.order_id, 'is paid back', r.refunded_at
    FROM orders AS o
    INNER JOIN returns AS r ON r.order_id = o.order_id
    WHERE r.refunded_at IS NOT NULL
)

SELECT
    customer_id,
    brand,
    order_id AS subject_id,
    news,
    happened_at::DATE AS news_on,
    happened_at AS last_order_as_of
FROM news
WHERE happened_at > $now - INTERVAL 2 DAYS
QUALIFY row_number() OVER (PARTITION BY customer_id, brand, order_id ORDER BY happened_at DESC, news) = 1
