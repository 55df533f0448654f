-- Who is due is told by the age, and the WHERE says nothing of it.
-- shows: where_i_live
-- unseen: where_i_live
-- refused: ProductError templates/told/product.yaml:2: 'age' decides who gets this (sql/segments/told.sql:5), and stands neither under because nor under unseen

--- attack
SELECT
    p.customer_id,
    p.brand,
    p.city AS note,
    if(p.age > 50, $as_of, $as_of + 1000) AS next_due_on
FROM people AS p

--- honest
SELECT
    p.customer_id,
    p.brand,
    p.city AS note,
    if(p.city = 'Bonn', $as_of, $as_of + 1000) AS next_due_on
FROM people AS p
