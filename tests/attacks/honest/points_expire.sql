-- Points and tier are one thing; what is missing to the next tier is worked out of them.
-- fields: points membership, tier membership, missing_points membership, first_name name
-- because: membership

--- segment
SELECT
    y.customer_id,
    y.brand,
    y.points,
    upper(left(y.tier, 1)) || lower(y.tier[2:]) AS tier,
    CASE y.tier WHEN 'blue' THEN 500 WHEN 'silver' THEN 1500 ELSE NULL END - y.points AS missing_points,
    y.updated_at AS membership_as_of,
    nullif(trim(c.first_name), '') AS first_name
FROM loyalty AS y
INNER JOIN customers AS c USING (customer_id)
WHERE y.points > 100 AND y.updated_at < $now - INTERVAL 6 MONTHS
