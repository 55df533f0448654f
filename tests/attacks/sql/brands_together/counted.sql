-- In how many brands somebody is over fifty is counted, by rows of which there is one a brand.
-- shows: name
-- unseen: age
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on people.age, which is 'age', and declares 'name'

--- attack
SELECT
    p.customer_id,
    p.brand,
    p.first_name || count(*) OVER (PARTITION BY p.customer_id) AS note
FROM people AS p
INNER JOIN over_fifty AS f ON f.customer_id = p.customer_id AND f.brand = p.brand

--- honest
SELECT
    p.customer_id,
    p.brand,
    p.first_name || count(*) OVER (PARTITION BY p.customer_id, p.brand) AS note
FROM people AS p
INNER JOIN over_fifty AS f ON f.customer_id = p.customer_id AND f.brand = p.brand
