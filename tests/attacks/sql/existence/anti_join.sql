-- An anti join keeps who has not looked, and a word says so.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
WITH away AS (
    SELECT p.customer_id, p.brand, 'long not seen' AS word
    FROM people AS p
    ANTI JOIN visits AS v ON v.customer_id = p.customer_id
)

SELECT p.customer_id, p.brand, a.word AS note
FROM people AS p
LEFT JOIN away AS a ON a.customer_id = p.customer_id AND a.brand = p.brand

--- honest
WITH away AS (
    SELECT p.customer_id, p.brand, 'long not seen' AS word
    FROM people AS p
    ANTI JOIN orders AS o ON o.customer_id = p.customer_id
)

SELECT p.customer_id, p.brand, a.word AS note
FROM people AS p
LEFT JOIN away AS a ON a.customer_id = p.customer_id AND a.brand = p.brand
