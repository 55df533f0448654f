-- Only the month of the birthday is used.
-- fields: month age, first_name name
-- because: age

--- segment
SELECT
    m.customer_id,
    m.brand,
    monthname(c.birth_on) AS month,
    regexp_replace(trim(c.first_name), '\s+', ' ', 'g') AS first_name
FROM memberships AS m
INNER JOIN customers AS c USING (customer_id)
WHERE month(c.birth_on) = month($as_of)
