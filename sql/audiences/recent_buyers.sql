-- Who has bought within a month: campaigns that run anyway need not sell them what they have.
select distinct
    customer_id,
    brand
from orders
where
    status <> 'cancelled'                             -- leaves out orders that were called off
    and ordered_at >= $as_of - interval 30 day        -- leaves out who may be ready for more by now
