-- A round number of years with a brand, due on the day.
-- fields: years years_with_us, first_name name
-- because: years_with_us

--- segment
SELECT
    m.customer_id,
    m.brand,
    date_diff('year', m.joined_at, $now) AS years,
    coalesce(nullif(trim(c.first_name), ''), nullif(trim(c.salutation || ' ' || c.surname), '')) AS first_name
FROM memberships AS m
INNER JOIN customers AS c USING (customer_id)
WHERE strftime(m.joined_at, '%m-%d') = strftime($as_of, '%m-%d') AND date_diff('year', m.joined_at, $now) % 5 = 0
