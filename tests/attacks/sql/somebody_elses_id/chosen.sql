-- Which customer it is hangs on the age of another.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT
    q.customer_id,
    q.brand,
    p.city AS note
FROM people AS p
INNER JOIN people AS q ON q.age = p.age AND q.customer_id <> p.customer_id
QUALIFY row_number() OVER (PARTITION BY q.customer_id ORDER BY p.customer_id) = 1

--- honest
SELECT
    q.customer_id,
    q.brand,
    p.city AS note
FROM people AS p
INNER JOIN people AS q ON q.customer_id = p.customer_id AND q.brand = p.brand
QUALIFY row_number() OVER (PARTITION BY q.customer_id, q.brand ORDER BY p.customer_id) = 1
