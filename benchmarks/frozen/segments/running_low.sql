-- What is used up and may be running low: one row per customer, brand and item, of the last purchase of it. Due a week before it is
-- used up, scheduled until then, and over a fortnight after.
with
robots as (
    select customer_id
    from page_views
    where customer_id is not null                    -- leaves out who was not logged in
    group by customer_id, viewed_at::date
    having count(*) > 500
),

-- What was told last of each parcel.
parcels as (
    select
        o.customer_id,
        o.order_id,
        d.delivered_at,
        d.status
    from orders as o
    join deliveries as d using (order_id)
    qualify row_number() over (
        partition by o.customer_id, o.order_id, d.parcel_number
        order by d.loaded_at desc nulls last, d.delivered_at desc nulls last
    ) = 1
),

arrivals as (
    select
        customer_id,
        order_id,
        max(delivered_at) as delivered_at,
        -- Whole, as far as it was sent: parcels that were called off are not waited for.
        coalesce(
            bool_and(coalesce(delivered_at <= $now, false)) filter (where coalesce(status, '') <> 'cancelled'), false
        ) as is_here
    from parcels
    group by customer_id, order_id
),

-- What of an item was bought with an order. What was taken away in a store is here at once.
purchases as (
    select
        o.customer_id,
        o.brand,
        o.order_id,
        i.item_id,
        any_value(i.name) as item,
        any_value(coalesce(i.name_de, i.name)) as item_de,
        any_value(coalesce(o.ordered_at, a.delivered_at)) as bought_at,
        any_value(coalesce(a.delivered_at, o.ordered_at)) as here_at,
        coalesce(any_value(a.is_here), true) as is_here,
        sum(l.quantity) * any_value(i.lasts_days) as lasts_days
    from orders as o
    join order_lines as l using (order_id)
    join items as i using (item_id)
    left join arrivals as a on a.customer_id = o.customer_id and a.order_id = o.order_id
    left join returns as r on r.order_id = l.order_id and r.line_number = l.line_number and r.opened_at <= $now
    where
        o.status <> 'cancelled'                               -- leaves out orders that were called off
        and i.is_consumable                                   -- leaves out what lasts for years
        and l.quantity > 0                                    -- leaves out lines that were taken off the order
        and r.return_id is null                               -- leaves out what is on its way back
    group by o.customer_id, o.brand, o.order_id, i.item_id
),

-- Found by the day it was bought, be it here or not: who has ordered again needs no reminder of the purchase before.
latest as (
    select
        *,
        here_at + to_days(lasts_days::integer) as due_at,
        count(*) over (partition by customer_id, brand, item_id) as bought_count
    from purchases
    qualify row_number() over (
        partition by customer_id, brand, item_id order by bought_at desc nulls last, order_id desc
    ) = 1
)

select
    p.customer_id,
    p.brand,
    p.item_id as subject_id,
    p.due_at + interval 14 days as valid_until,
    (p.due_at - interval 7 days)::date as next_due_on,
    p.item,
    p.item_de,
    p.bought_at::date as bought_on,
    p.here_at as last_order_as_of,
    -- A name, or nothing: what a form, a script or a spreadsheet left there is not printed.
    case
        when
            regexp_full_match(trim(c.first_name), '[\p{L}\p{M}''’. -]*\p{L}[\p{L}\p{M}''’. -]*')
            and lower(trim(c.first_name)) not in ('null', 'none', 'unknown', 'test')
            then trim(c.first_name)
    end as first_name,
    c.loaded_at as name_as_of,
    p.due_at,
    p.bought_count
from latest as p
join customers as c using (customer_id)
where
    p.is_here                                                 -- leaves out what is on its way, or was lost
    and p.lasts_days <= 80                                    -- leaves out what lasts longer than anybody remembers buying it
    and p.due_at > $now - interval 14 days                    -- leaves out who has managed without
    and p.customer_id not in (select customer_id from robots) -- leaves out robots
