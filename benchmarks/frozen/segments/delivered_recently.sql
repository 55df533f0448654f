-- Who got something in the last two years that is worth looking after: per brand the latest order, and its dearest item.
-- The sample looks back a fortnight; here it is two years, so that three people in ten have something to be told.
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
        o.brand,
        o.order_id,
        d.delivered_at,
        d.status
    from orders as o
    join deliveries as d using (order_id)
    where o.status <> 'cancelled'                    -- leaves out orders that were called off
    qualify row_number() over (
        partition by o.customer_id, o.order_id, d.parcel_number
        order by d.loaded_at desc nulls last, d.delivered_at desc nulls last
    ) = 1
),

arrivals as (
    select
        customer_id,
        brand,
        order_id,
        max(delivered_at) as delivered_at
    from parcels
    where coalesce(status, '') <> 'cancelled'        -- leaves out parcels that were called off; the others count
    group by customer_id, brand, order_id
    having bool_and(coalesce(delivered_at <= $now, false))   -- leaves out orders that are not here whole
),

keepsakes as (
    select
        a.customer_id,
        a.brand,
        a.order_id,
        a.delivered_at,
        i.name as item,
        coalesce(i.name_de, i.name) as item_de,
        i.care_page
    from arrivals as a
    join order_lines as l using (order_id)
    join items as i using (item_id)                  -- leaves out lines with an item that nobody knows
    left join returns as r on r.order_id = l.order_id and r.line_number = l.line_number and r.opened_at <= $now
    where
        a.delivered_at > $now - interval 730 days    -- leaves out what came longer ago
        and i.care_page is not null                  -- leaves out what is eaten, burnt or read
        and l.quantity > 0                           -- leaves out lines that were taken off the order
        and r.return_id is null                      -- leaves out what is on its way back
    qualify row_number() over (
        partition by a.customer_id, a.brand
        order by a.delivered_at desc, a.order_id, i.price_eur desc, l.line_number
    ) = 1
),

readers as (
    select
        customer_id,
        brand,
        care_page,
        max(viewed_at) as viewed_at
    from care_page_views
    group by customer_id, brand, care_page
)

select
    k.customer_id,
    k.brand,
    k.order_id as subject_id,
    k.delivered_at + interval 730 days as valid_until,
    k.item,
    k.item_de,
    k.delivered_at::date as delivered_on,
    k.delivered_at as last_order_as_of,
    -- A name, or nothing: what a form, a script or a spreadsheet left there is not printed.
    case
        when
            regexp_full_match(trim(c.first_name), '[\p{L}\p{M}''’. -]*\p{L}[\p{L}\p{M}''’. -]*')
            and lower(trim(c.first_name)) not in ('null', 'none', 'unknown', 'test')
            then trim(c.first_name)
    end as first_name,
    c.loaded_at as name_as_of,
    k.delivered_at,
    coalesce(v.viewed_at >= k.delivered_at, false) as opened_care_page
from keepsakes as k
join customers as c using (customer_id)
left join readers as v on v.customer_id = k.customer_id and v.brand = k.brand and v.care_page = k.care_page
where k.customer_id not in (select customer_id from robots)   -- leaves out robots
