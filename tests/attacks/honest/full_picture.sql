-- Orders and baskets of a brand beside each other, whichever there is.
-- fields: item last_order, basket_item basket
-- because: last_order, basket

--- segment
WITH ordered AS (
    SELECT o.customer_id, o.brand, max_by(i.name, o.ordered_at) AS item, max(o.ordered_at) AS last_at
    FROM orders AS o
    INNER JOIN order_lines AS l USING (order_id)
    INNER JOIN items AS i USING (item_id)
    GROUP BY o.customer_id, o.brand
),

left_alone AS (
    SELECT b.customer_id, b.brand, max_by(i.name, b.updated_at) AS item, max(b.updated_at) AS last_at
    FROM baskets AS b
    INNER JOIN basket_lines AS l USING (basket_id)
    INNER JOIN items AS i USING (item_id)
    GROUP BY b.customer_id, b.brand
)

SELECT
    m.customer_id,
    m.brand,
    o.item,
    b.item AS basket_item,
    o.last_at AS last_order_as_of,
    b.last_at AS basket_as_of
FROM memberships AS m
LEFT JOIN ordered AS o USING (customer_id, brand)
LEFT JOIN left_alone AS b USING (customer_id, brand)
WHERE o.item IS NOT NULL OR b.item IS NOT NULL
