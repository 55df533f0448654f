-- What became of returns: one that was opened ends the care of what was bought, one that arrived the need to hand it in.
select
    o.customer_id,
    o.brand,
    r.order_id as subject_id,
    'returned' as outcome,
    r.opened_at as happened_at,
    r.loaded_at
from returns as r
join orders as o using (order_id)

union all

select
    o.customer_id,
    o.brand,
    r.return_id as subject_id,
    'return_handed_in' as outcome,
    r.received_at as happened_at,
    r.loaded_at
from returns as r
join orders as o using (order_id)
where r.received_at is not null                               -- leaves out what has not arrived
