-- One row per customer and brand: how to reach them. Routing only, none of it reaches the words.
select
    c.customer_id,
    m.brand,
    c.country,
    c.locale,
    c.time_zone,
    c.email,
    c.phone,
    c.push_token
from customers as c
join memberships as m using (customer_id)
where m.joined_at <= $now  -- leaves out who joins a brand later
