-- Running totals, by a window with a frame, and the last of them.
-- fields: spent_eur last_order, first_name name
-- because: last_order

--- segment
WITH paid AS (
    SELECT o.customer_id, o.brand, o.order_id, o.ordered_at, sum(l.quantity * l.price_eur) AS paid_eur
    FROM orders AS o
    INNER JOIN order_lines AS l USING (order_id)
    GROUP BY o.customer_id, o.brand, o.order_id, o.ordered_at
),

running AS (
    SELECT
        customer_id,
        brand,
        ordered_at,
        sum(paid_eur) OVER (
            PARTITION BY customer_id, brand ORDER BY ordered_at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS spent_eur,
        row_number() OVER (PARTITION BY customer_id, brand ORDER BY ordered_at DESC) AS place
    FROM paid
)

SELECT
    r.customer_id,
    r.brand,
    r.spent_eur::DOUBLE AS spent_eur,
    r.ordered_at AS last_order_as_of,
    c.first_name
FROM running AS r
INNER JOIN customers AS c USING (customer_id)
WHERE r.place = 1 AND r.spent_eur > 500
