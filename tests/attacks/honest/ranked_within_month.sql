-- Two windows over one person, a subquery in FROM, date_trunc.
-- fields: best_item visits, month_views visits
-- because: visits

--- segment
SELECT
    x.customer_id,
    x.brand,
    x.item AS best_item,
    x.month_views,
    x.last_at AS visits_as_of
FROM (
    SELECT
        v.customer_id,
        v.brand,
        i.name AS item,
        date_trunc('month', v.viewed_at) AS month,
        sum(count(*)) OVER (PARTITION BY v.customer_id, v.brand, date_trunc('month', v.viewed_at)) AS month_views,
        row_number() OVER (PARTITION BY v.customer_id, v.brand ORDER BY date_trunc('month', v.viewed_at) DESC, count(*) DESC, i.name) AS place,
        max(max(v.viewed_at)) OVER (PARTITION BY v.customer_id, v.brand) AS last_at
    FROM page_views AS v
    INNER JOIN items AS i ON i.item_id = v.item_id
    WHERE v.customer_id IS NOT NULL
    GROUP BY v.customer_id, v.brand, i.name, date_trunc('month', v.viewed_at)
) AS x
WHERE x.place = 1
