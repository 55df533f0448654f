-- Whether the store that somebody has chosen has what is in the basket: two things.
-- fields: item basket, store favourite_store, is_there basket+favourite_store
-- because: basket

--- segment
WITH counted AS (
    SELECT store_id, item_id, arg_max(quantity, counted_at) AS quantity FROM stock GROUP BY store_id, item_id
),

wanted AS (
    SELECT b.customer_id, b.brand, l.item_id, b.updated_at
    FROM baskets AS b
    INNER JOIN basket_lines AS l ON l.basket_id = b.basket_id
    WHERE b.status = 'left'
    QUALIFY row_number() OVER (PARTITION BY b.customer_id, b.brand ORDER BY b.updated_at DESC, l.line_number) = 1
)

SELECT
    w.customer_id,
    w.brand,
    i.name AS item,
    s.name AS store,
    coalesce(k.quantity, 0) > 0 AS is_there,
    w.updated_at AS basket_as_of
FROM wanted AS w
INNER JOIN customers AS c USING (customer_id)
INNER JOIN items AS i USING (item_id)
LEFT JOIN stores AS s ON s.store_id = c.preferred_store_id
LEFT JOIN counted AS k ON k.store_id = s.store_id AND k.item_id = w.item_id
