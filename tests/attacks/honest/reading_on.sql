-- Pages of the shop and of the guides are one thing: what was looked at.
-- fields: item visits, pages visits
-- because: visits

--- segment
WITH seen AS (
    SELECT customer_id, brand, item_id, viewed_at FROM page_views
    UNION ALL
    SELECT customer_id, brand, item_id, viewed_at FROM care_page_views
)

SELECT
    s.customer_id,
    s.brand,
    arg_max(i.name, s.viewed_at) AS item,
    count(*) AS pages,
    max(s.viewed_at) AS visits_as_of
FROM seen AS s
INNER JOIN items AS i USING (item_id)
WHERE s.customer_id IS NOT NULL
GROUP BY ALL
HAVING count(*) > 5
