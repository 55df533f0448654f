-- Percentiles, distinct counts and whether any, over one person's orders.
-- fields: categories last_order, usual_eur last_order, has_sent_back last_order
-- because: last_order

--- segment
SELECT
    o.customer_id,
    o.brand,
    count(DISTINCT i.category) AS categories,
    quantile_cont(l.price_eur::DOUBLE, 0.5) AS usual_eur,
    bool_or(r.return_id IS NOT NULL) AS has_sent_back,
    max(o.ordered_at) AS last_order_as_of
FROM orders AS o
INNER JOIN order_lines AS l ON l.order_id = o.order_id
INNER JOIN items AS i ON i.item_id = l.item_id
LEFT JOIN returns AS r ON r.order_id = l.order_id AND r.line_number = l.line_number
GROUP BY 1, 2
HAVING sum(l.quantity) > 3
