-- Counts of two kinds in one pass, by FILTER.
-- fields: tent_views visits, mat_views visits, first_name name
-- because: visits

--- segment
SELECT
    v.customer_id,
    v.brand,
    count(*) FILTER (WHERE i.category = 'tents') AS tent_views,
    count(*) FILTER (WHERE i.category = 'sleeping mats') AS mat_views,
    max(v.viewed_at) AS visits_as_of,
    any_value(c.first_name) AS first_name
FROM page_views AS v
INNER JOIN items AS i ON i.item_id = v.item_id
INNER JOIN customers AS c ON c.customer_id = v.customer_id
WHERE v.viewed_at BETWEEN $now - INTERVAL 10 DAYS AND $now
GROUP BY v.customer_id, v.brand
HAVING tent_views >= 2 OR mat_views >= 2
