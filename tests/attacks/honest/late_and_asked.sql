-- A question about a late order: two records, one joined to the other where there is one.
-- fields: promised_on last_order, has_asked questions
-- because: last_order

--- segment
SELECT
    o.customer_id,
    o.brand,
    o.order_id AS subject_id,
    d.promised_on,
    s.asked_at IS NOT NULL AS has_asked,
    d.created_at AS last_order_as_of,
    s.asked_at AS questions_as_of
FROM orders AS o
INNER JOIN deliveries AS d USING (order_id)
LEFT JOIN (
    SELECT customer_id, brand, max(opened_at) AS asked_at
    FROM support_contacts
    WHERE topic = 'where is my order'
    GROUP BY customer_id, brand
) AS s ON s.customer_id = o.customer_id AND s.brand = o.brand
WHERE d.parcel_number = 1 AND d.delivered_at IS NULL AND d.promised_on < $as_of
