-- Tips that are written in the query, by the category of what was bought.
-- fields: tip last_order, category last_order
-- because: last_order

--- segment
WITH bought AS (
    SELECT o.customer_id, o.brand, i.category, max(o.ordered_at) AS ordered_at
    FROM orders AS o
    INNER JOIN order_lines AS l USING (order_id)
    INNER JOIN items AS i USING (item_id)
    GROUP BY o.customer_id, o.brand, i.category
)

SELECT
    b.customer_id,
    b.brand,
    b.category AS subject_id,
    b.category,
    t.tip,
    b.ordered_at AS last_order_as_of
FROM bought AS b
INNER JOIN (VALUES ('tents', 'Pitch it dry.'), ('stoves and kitchen', 'Clean the jet.')) AS t (category, tip) USING (category)
