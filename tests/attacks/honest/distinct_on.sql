-- The last login per person and brand, by DISTINCT ON.
-- fields: device logging_in
-- because: logging_in

--- segment
SELECT DISTINCT ON (g.customer_id, g.brand)
    g.customer_id,
    g.brand,
    g.device
FROM logins AS g
ORDER BY g.customer_id, g.brand, g.logged_in_at DESC
