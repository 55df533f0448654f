-- Who has a delivery and no login: by SEMI and ANTI joins.
-- fields: item last_order
-- because: last_order
-- unseen: logging_in

--- segment
SELECT
    o.customer_id,
    o.brand,
    o.order_id AS subject_id,
    i.name AS item,
    o.ordered_at AS last_order_as_of
FROM orders AS o
INNER JOIN order_lines AS l ON l.order_id = o.order_id AND l.line_number = 1
INNER JOIN items AS i ON i.item_id = l.item_id
SEMI JOIN deliveries AS d ON d.order_id = o.order_id
ANTI JOIN logins AS g ON g.customer_id = o.customer_id
