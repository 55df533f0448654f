-- An order beside the one before it, by a join of the table with itself.
-- fields: item last_order, earlier_item last_order
-- because: last_order

--- segment
WITH numbered AS (
    SELECT
        o.customer_id,
        o.brand,
        i.name AS item,
        o.ordered_at,
        dense_rank() OVER (PARTITION BY o.customer_id, o.brand ORDER BY o.ordered_at DESC, o.order_id) AS place
    FROM orders AS o
    INNER JOIN order_lines AS l ON l.order_id = o.order_id AND l.line_number = 1
    INNER JOIN items AS i ON i.item_id = l.item_id
)

SELECT
    a.customer_id,
    a.brand,
    a.item,
    b.item AS earlier_item,
    a.ordered_at AS last_order_as_of
FROM numbered AS a
LEFT JOIN numbered AS b ON b.customer_id = a.customer_id AND b.brand = a.brand AND b.place = a.place + 1
WHERE a.place = 1 AND a.item <> b.item
