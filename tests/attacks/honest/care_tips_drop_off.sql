-- DESIGN 6: and drop-off in Leipzig, by her home city. That is three.
-- fields: first_name name, item last_order, arrived_on last_order, drop_off where_i_live
-- because: last_order

--- segment
WITH latest AS (
    SELECT
        o.customer_id,
        o.brand,
        i.name AS item,
        i.care_page,
        d.delivered_at::DATE AS arrived_on,
        d.delivered_at
    FROM orders AS o
    INNER JOIN deliveries AS d USING (order_id)
    INNER JOIN order_lines AS l USING (order_id)
    INNER JOIN items AS i USING (item_id)
    WHERE o.status <> 'cancelled' AND d.delivered_at > $now - INTERVAL 14 DAYS
    QUALIFY row_number() OVER (PARTITION BY o.customer_id, o.brand ORDER BY d.delivered_at DESC, l.price_eur DESC, l.line_number) = 1
),

-- One per town and brand.
near AS (
    SELECT brand, country, city, min(name) AS store FROM stores GROUP BY brand, country, city
)

SELECT
    l.customer_id,
    l.brand,
    l.item,
    l.arrived_on,
    l.delivered_at AS last_order_as_of,
    c.first_name,
    s.store AS drop_off
FROM latest AS l
INNER JOIN customers AS c USING (customer_id)
LEFT JOIN near AS s ON s.city = c.city AND s.country = c.country AND s.brand = l.brand

--- words
{% block subject %}{% if first_name %}{{ first_name }}, your{% else %}Your{% endif %} {% if item %}{{ item }} arrived on {{ arrived_on|date }}{% else %}new kit is here{% endif %}: three care tips{% endblock %}
{% block preheader %}Three minutes now, years of use.{% endblock %}
{% block html %}
<p>Hello{% if first_name %} {{ first_name }}{% endif %},</p>
<p>Air it, brush it, dry it: your {% if item %}{{ item }}{% else %}new kit{% endif %} will last.</p>
{% if drop_off %}<p>Drop-off in {{ drop_off }}.</p>{% endif %}
{% endblock %}
{% block text %}Air it, brush it, dry it: it will last.{% endblock %}
