-- A group of ages decides who gets it, and is told.
-- fields: group_name age, first_name name
-- because: age

--- segment
WITH aged AS (
    SELECT customer_id, date_diff('year', birth_on, $as_of) AS years FROM customers WHERE birth_on > DATE '1901-01-01'
)

SELECT
    m.customer_id,
    m.brand,
    c.first_name,
    CASE WHEN a.years < 20 THEN 'under twenty' WHEN a.years < 27 THEN 'in your twenties' END AS group_name
FROM memberships AS m
INNER JOIN customers AS c ON c.customer_id = m.customer_id
INNER JOIN aged AS a ON a.customer_id = m.customer_id
WHERE a.years BETWEEN 18 AND 26
