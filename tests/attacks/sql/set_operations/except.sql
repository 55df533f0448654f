-- Who is left after EXCEPT is not over fifty.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:4: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
WITH rest AS (
    SELECT customer_id, brand FROM people
    EXCEPT
    SELECT customer_id, brand FROM people WHERE age > 50
)

SELECT p.customer_id, p.brand, if(r.customer_id IS NULL, 'as you know', 'as you may learn') AS note
FROM people AS p
LEFT JOIN rest AS r ON r.customer_id = p.customer_id AND r.brand = p.brand

--- honest
WITH rest AS (
    SELECT customer_id, brand FROM people
    EXCEPT
    SELECT customer_id, brand FROM people WHERE city = 'Bonn'
)

SELECT p.customer_id, p.brand, if(r.customer_id IS NULL, 'as you know', 'as you may learn') AS note
FROM people AS p
LEFT JOIN rest AS r ON r.customer_id = p.customer_id AND r.brand = p.brand
