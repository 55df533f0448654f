-- What became of orders and parcels: an order ends the need to choose, its delivery the worry about it.
select
    o.customer_id,
    o.brand,
    null::varchar as subject_id,                              -- what was bought is not what a basket or a look was about
    'ordered' as outcome,
    o.ordered_at as happened_at,
    o.loaded_at
from orders as o
where o.status <> 'cancelled'                                 -- leaves out orders that were called off

union all

select
    o.customer_id,
    o.brand,
    o.order_id as subject_id,
    'cancelled' as outcome,
    o.ordered_at as happened_at,                              -- when it was called off is not noted, only when that was known
    o.loaded_at
from orders as o
where o.status = 'cancelled'                                  -- leaves out all other orders

union all

select
    o.customer_id,
    o.brand,
    o.order_id as subject_id,
    'delivered' as outcome,
    d.delivered_at as happened_at,
    d.loaded_at
from deliveries as d
join orders as o using (order_id)
where d.delivered_at is not null                              -- leaves out parcels that are on their way
