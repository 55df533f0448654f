-- Whether a return is open is asked for in the SELECT, of the order's own rows.
-- fields: item last_order, is_open last_order
-- because: last_order

--- segment
SELECT
    o.customer_id,
    o.brand,
    o.order_id AS subject_id,
    o.ordered_at AS last_order_as_of,
    (
        SELECT i.name
        FROM order_lines AS l
        INNER JOIN items AS i ON i.item_id = l.item_id
        WHERE l.order_id = o.order_id
        ORDER BY l.price_eur DESC, l.line_number
        LIMIT 1
    ) AS item,
    EXISTS (SELECT 1 FROM returns AS r WHERE r.order_id = o.order_id AND r.received_at IS NULL) AS is_open
FROM orders AS o
WHERE o.ordered_at > $now - INTERVAL 30 DAYS
