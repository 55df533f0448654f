-- Who has asked something is left alone: a list of people who are left out, which nobody can tell.
-- fields: first_name name, item last_order
-- because: last_order
-- unseen: questions

--- segment
SELECT
    o.customer_id,
    o.brand,
    max_by(i.name, o.ordered_at) AS item,
    max(o.ordered_at) AS last_order_as_of,
    any_value(c.first_name) AS first_name
FROM orders AS o
INNER JOIN order_lines AS l USING (order_id)
INNER JOIN items AS i USING (item_id)
INNER JOIN customers AS c USING (customer_id)
WHERE o.customer_id NOT IN (SELECT customer_id FROM support_contacts WHERE opened_at > $now - INTERVAL 30 DAYS)
GROUP BY o.customer_id, o.brand
