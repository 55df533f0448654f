-- INTERSECT keeps who has also looked.
-- shows: last_order
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on a row of visits, which is 'visits', and declares 'last_order'

--- attack
WITH both_of_it AS (
    SELECT customer_id FROM orders
    INTERSECT
    SELECT customer_id FROM visits
)

SELECT p.customer_id, p.brand, if(b.customer_id IS NULL, 'one', 'two') AS note
FROM people AS p
LEFT JOIN both_of_it AS b ON b.customer_id = p.customer_id

--- honest
WITH both_of_it AS (
    SELECT customer_id FROM orders
    INTERSECT
    SELECT customer_id FROM orders
)

SELECT p.customer_id, p.brand, if(b.customer_id IS NULL, 'one', 'two') AS note
FROM people AS p
LEFT JOIN both_of_it AS b ON b.customer_id = p.customer_id
