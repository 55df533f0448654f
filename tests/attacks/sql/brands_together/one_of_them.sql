-- Which brand's town is taken, an age decides, where the brand that is spoken for is a constant.
-- shows: where_i_live
-- unseen: age
-- refused: CatalogueError sql/segments/told.sql:6: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT DISTINCT ON (p.customer_id)
    p.customer_id,
    'north' AS brand,
    p.city AS note
FROM people AS p
INNER JOIN over_fifty AS f ON f.customer_id = p.customer_id AND f.brand = p.brand

--- honest
SELECT DISTINCT ON (p.customer_id, p.brand)
    p.customer_id,
    p.brand,
    p.city AS note
FROM people AS p
INNER JOIN over_fifty AS f ON f.customer_id = p.customer_id AND f.brand = p.brand
