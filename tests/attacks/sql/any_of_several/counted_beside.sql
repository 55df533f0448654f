-- What is counted beside the one first name is rows of visits.
-- shows: name
-- unseen: visits
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on a row of visits, which is 'visits', and declares 'name'

--- attack
SELECT
    p.customer_id,
    p.brand,
    max(p.first_name) || count(*) AS note
FROM people AS p
INNER JOIN visits AS v ON v.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    max(p.first_name) AS note
FROM people AS p
INNER JOIN visits AS v ON v.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand
