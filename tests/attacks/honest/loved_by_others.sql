-- What many bought of the category that is looked at: a shared table, reached by the visits.
-- fields: category visits, favourite visits
-- because: visits

--- segment
WITH interest AS (
    SELECT v.customer_id, v.brand, i.category, count(*) AS views, max(v.viewed_at) AS last_viewed_at
    FROM page_views AS v
    INNER JOIN items AS i USING (item_id)
    WHERE v.customer_id IS NOT NULL
    GROUP BY v.customer_id, v.brand, i.category
    QUALIFY row_number() OVER (PARTITION BY v.customer_id, v.brand ORDER BY count(*) DESC, i.category) = 1
)

SELECT
    n.customer_id,
    n.brand,
    n.category,
    p.name AS favourite,
    n.last_viewed_at AS visits_as_of
FROM interest AS n
LEFT JOIN loved AS p ON p.category = n.category
WHERE n.views >= 3

--- shared loved
SELECT
    i.category,
    i.name,
    count(DISTINCT o.customer_id) AS people
FROM orders AS o
INNER JOIN order_lines AS l USING (order_id)
INNER JOIN items AS i USING (item_id)
GROUP BY i.category, i.name
HAVING count(DISTINCT o.customer_id) >= 10
QUALIFY row_number() OVER (PARTITION BY i.category ORDER BY count(DISTINCT o.customer_id) DESC, i.name) = 1
