-- The store is reached by the order, so it is the order's.
-- fields: item last_order, store last_order, first_name name
-- because: last_order

--- segment
SELECT
    o.customer_id,
    o.brand,
    o.order_id AS subject_id,
    any_value(s.name) AS store,
    max_by(i.name, l.price_eur) AS item,
    max(o.ordered_at) AS last_order_as_of,
    any_value(c.first_name) AS first_name
FROM orders AS o
INNER JOIN order_lines AS l USING (order_id)
INNER JOIN items AS i USING (item_id)
INNER JOIN stores AS s USING (store_id)
INNER JOIN customers AS c USING (customer_id)
WHERE o.status <> 'cancelled' AND o.ordered_at > $now - INTERVAL 10 DAYS
GROUP BY o.customer_id, o.brand, o.order_id
