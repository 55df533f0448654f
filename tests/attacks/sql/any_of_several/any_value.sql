-- any_value takes one of several titles, and which of them are there, a visit decides.
-- shows: last_order
-- unseen in the attack: visits, last_order
-- unseen in the honest: last_order
-- refused: CatalogueError sql/segments/told.sql:7: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
SELECT
    p.customer_id,
    p.brand,
    any_value(b.title) AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
INNER JOIN visits AS v ON v.customer_id = p.customer_id AND v.seconds = b.total % 9
GROUP BY p.customer_id, p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    any_value(b.title) AS note
FROM people AS p
INNER JOIN bought AS b ON b.customer_id = p.customer_id
GROUP BY p.customer_id, p.brand
