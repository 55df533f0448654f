-- A subquery with other names for its columns.
-- shows: where_i_live
-- refused: CatalogueError sql/segments/told.sql:2: 'note' depends on people.age, which is 'age', and declares 'where_i_live'

--- attack
SELECT p.customer_id, p.brand, p.city AS note
FROM (SELECT customer_id, brand, age, city FROM people) AS p(customer_id, brand, city, age)

--- honest
SELECT p.customer_id, p.brand, p.place AS note
FROM (SELECT customer_id, brand, city FROM people) AS p(customer_id, brand, place)
