-- Who has bought within a month: campaigns that run anyway need not sell them what they have.
select
    customer_id,
    brand,
    max(ordered_at) + interval 30 day as until
from orders
where
    status <> 'cancelled'                             -- leaves out orders that were called off
    and ordered_at > $now - interval 30 day           -- leaves out who may be ready for more by now
group by customer_id, brand
