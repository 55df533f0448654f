-- The kind that is bought most, by mode, and text put together of it.
-- fields: phrase last_order
-- because: last_order

--- segment
SELECT
    o.customer_id,
    o.brand,
    concat_ws(' ', 'mostly', mode(i.category)) || format(' ({} orders)', count(DISTINCT o.order_id)) AS phrase,
    max(o.ordered_at) AS last_order_as_of
FROM orders AS o, order_lines AS l, items AS i
WHERE o.order_id = l.order_id AND l.item_id = i.item_id
GROUP BY o.customer_id, o.brand
