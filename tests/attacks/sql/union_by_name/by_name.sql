-- By name the columns of the arms change places.
-- shows: where_i_live
-- unseen: where_i_live
-- refused: StatementError sql/segments/told.sql:1: UNION BY NAME cannot be traced

--- attack
SELECT customer_id, brand, city AS note, age AS other FROM people WHERE city = 'Bonn'
UNION ALL BY NAME
SELECT customer_id, brand, city AS other, age::varchar AS note FROM people WHERE city <> 'Bonn'

--- honest
SELECT customer_id, brand, city AS note FROM people WHERE city = 'Bonn'
UNION ALL
SELECT customer_id, brand, upper(city) AS note FROM people WHERE city <> 'Bonn'
