-- Each arm has its brand.
-- shows: where_i_live
-- unseen: age
-- unseen in the honest: where_i_live
-- refused: CatalogueError sql/segments/told.sql:1: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT p.customer_id, 'south' AS brand, p.city AS note FROM people AS p WHERE p.age > 50
UNION ALL
SELECT p.customer_id, 'north' AS brand, p.city AS note FROM people AS p WHERE p.age <= 50

--- honest
SELECT p.customer_id, p.brand, p.city AS note FROM people AS p WHERE p.city = 'Bonn'
UNION ALL
SELECT p.customer_id, p.brand, 'elsewhere' AS note FROM people AS p WHERE p.city <> 'Bonn'
