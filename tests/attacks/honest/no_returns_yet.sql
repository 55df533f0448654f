-- Who has ordered and sent nothing back, by NOT EXISTS.
-- fields: first_name name
-- because: last_order

--- segment
SELECT
    m.customer_id,
    m.brand,
    c.first_name
FROM memberships AS m
INNER JOIN customers AS c ON c.customer_id = m.customer_id
WHERE
    EXISTS (SELECT 1 FROM orders AS o WHERE o.customer_id = m.customer_id AND o.brand = m.brand)
    AND NOT EXISTS (
        SELECT 1 FROM returns AS r INNER JOIN orders AS o ON o.order_id = r.order_id WHERE o.customer_id = m.customer_id
    )
