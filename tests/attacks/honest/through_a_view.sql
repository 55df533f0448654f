-- The latest order, by a view of the warehouse.
-- fields: item last_order, first_name name
-- because: last_order

--- segment
SELECT
    v.customer_id,
    v.brand,
    v.item,
    v.ordered_at AS last_order_as_of,
    c.first_name
FROM latest_orders AS v
INNER JOIN customers AS c USING (customer_id)
WHERE v.ordered_at > $now - INTERVAL 60 DAYS
