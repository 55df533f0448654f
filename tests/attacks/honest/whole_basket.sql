-- The three dearest things of a basket, as a list.
-- fields: items basket, more_count basket
-- because: basket

--- segment
WITH open_baskets AS (
    SELECT * FROM baskets
    WHERE status = 'left'
    QUALIFY rank() OVER (PARTITION BY customer_id, brand ORDER BY updated_at DESC, basket_id) = 1
)

SELECT
    b.customer_id,
    b.brand,
    list(i.name ORDER BY i.price_eur DESC, l.line_number)[:3] AS items,
    greatest(count(*) - 3, 0) AS more_count,
    max(b.updated_at) AS basket_as_of
FROM open_baskets AS b
INNER JOIN basket_lines AS l USING (basket_id)
INNER JOIN items AS i USING (item_id)
WHERE l.quantity > 0
GROUP BY b.customer_id, b.brand
