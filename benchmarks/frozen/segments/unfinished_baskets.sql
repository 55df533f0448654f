-- Who left a basket between three hours and five days ago, and has not ordered of the brand since: one row per customer and brand.
with
robots as (
    select customer_id
    from page_views
    where customer_id is not null                    -- leaves out who was not logged in
    group by customer_id, viewed_at::date
    having count(*) > 500
),

-- The basket that was touched last; an older one is not come back to.
latest as (
    select
        customer_id,
        brand,
        basket_id,
        status,
        coalesce(updated_at, created_at) as left_at
    from baskets
    qualify row_number() over (
        partition by customer_id, brand order by coalesce(updated_at, created_at) desc nulls last, basket_id desc
    ) = 1
),

left_alone as (
    select
        b.customer_id,
        b.brand,
        b.basket_id,
        b.left_at
    from latest as b
    where
        b.status = 'left'                                     -- leaves out what was bought, or is in no known state
        and b.left_at <= $now - interval 3 hours              -- leaves out who may still be shopping
        and b.left_at > $now - interval 5 days                -- leaves out what has been forgotten
),

goods as (
    select
        b.customer_id,
        b.brand,
        b.basket_id,
        b.left_at,
        l.line_number,
        i.item_id,
        i.name as item,
        coalesce(i.name_de, i.name) as item_de,
        i.price_eur,
        i.is_sized
    from left_alone as b
    join basket_lines as l using (basket_id)
    join items as i using (item_id)                           -- leaves out lines with an item that nobody knows
    where l.quantity > 0                                      -- leaves out lines that were taken out again
),

dearest as (
    select *
    from goods
    qualify row_number() over (partition by customer_id, brand order by price_eur desc nulls last, line_number) = 1
),

-- What was counted last in each store.
shelves as (
    select
        s.brand,
        k.item_id,
        k.quantity
    from stock as k
    join stores as s using (store_id)
    qualify row_number() over (partition by k.store_id, k.item_id order by k.counted_at desc nulls last) = 1
),

returners as (
    select distinct
        g.customer_id,
        g.brand
    from goods as g
    join page_views as v on v.customer_id = g.customer_id and v.brand = g.brand and v.item_id = g.item_id
    where v.viewed_at > g.left_at                             -- leaves out what was looked at before it was left
)

select
    d.customer_id,
    d.brand,
    d.left_at + interval 5 days as valid_until,
    d.item,
    d.item_de,
    coalesce(d.is_sized, false) as is_sized,
    -- One store of the brand is enough: what is ordered online is sent from there.
    exists (
        select 1 from shelves as s where s.brand = d.brand and s.item_id = d.item_id and s.quantity > 0
    ) as is_in_stock,
    d.left_at as basket_as_of,
    -- A name, or nothing: what a form, a script or a spreadsheet left there is not printed.
    case
        when
            regexp_full_match(trim(c.first_name), '[\p{L}\p{M}''’. -]*\p{L}[\p{L}\p{M}''’. -]*')
            and lower(trim(c.first_name)) not in ('null', 'none', 'unknown', 'test')
            then trim(c.first_name)
    end as first_name,
    c.loaded_at as name_as_of,
    d.left_at,
    r.customer_id is not null as came_back
from dearest as d
join customers as c using (customer_id)
left join returners as r on r.customer_id = d.customer_id and r.brand = d.brand
where
    d.customer_id not in (select customer_id from robots)     -- leaves out robots
    -- Leaves out who has ordered of the brand since, whatever it was. An order without a date counts from when it was known.
    and not exists (
        select 1
        from orders as o
        where o.customer_id = d.customer_id and o.brand = d.brand and coalesce(o.ordered_at, o.loaded_at) >= d.left_at
    )
