-- Words for who lives in the mountains, by a list of towns.
-- fields: is_high_up where_i_live, town where_i_live, first_name name
-- unseen: years_with_us

--- segment
SELECT
    m.customer_id,
    m.brand,
    c.city AS town,
    c.city IN ('Innsbruck', 'Chur', 'Thun', 'Chambéry', 'Åre') OR c.postcode LIKE '6%' AS is_high_up,
    c.first_name
FROM memberships AS m
INNER JOIN customers AS c USING (customer_id)
WHERE m.joined_at < $now - INTERVAL 30 DAYS
