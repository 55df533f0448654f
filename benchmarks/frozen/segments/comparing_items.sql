-- Who has looked at several items of one category in the last ten days, and has bought none since: one row per customer and brand.
with
robots as (
    select customer_id
    from page_views
    where customer_id is not null                    -- leaves out who was not logged in
    group by customer_id, viewed_at::date
    having count(*) > 500
),

looked_at as (
    select
        v.customer_id,
        v.brand,
        i.category,
        i.item_id,
        i.name as item,
        coalesce(i.name_de, i.name) as item_de,
        count(*) as view_count,
        min(v.viewed_at) as first_viewed_at,
        max(v.viewed_at) as last_viewed_at
    from page_views as v
    join items as i using (item_id)                           -- leaves out pages without an item, and items that nobody knows
    where
        v.customer_id is not null                             -- leaves out who was not logged in
        and v.viewed_at > $now - interval 10 days             -- leaves out what has been decided, or forgotten
        and i.care_page is not null                           -- leaves out what is eaten, burnt or read: nobody compares those
    group by all
),

compared as (
    select
        customer_id,
        brand,
        category,
        sum(view_count)::bigint as view_count,
        min(first_viewed_at) as first_viewed_at,
        max(last_viewed_at) as last_viewed_at
    from looked_at
    group by customer_id, brand, category
    having
        count(*) >= 2                                         -- leaves out who has found the one
        and sum(view_count) >= 3                              -- leaves out who was passing by
),

bought as (
    select
        o.customer_id,
        o.brand,
        i.category,
        max(coalesce(o.ordered_at, o.loaded_at)) as bought_at
    from orders as o
    join order_lines as l using (order_id)
    join items as i using (item_id)
    left join returns as r on r.order_id = l.order_id and r.line_number = l.line_number and r.opened_at <= $now
    where
        o.status <> 'cancelled'                               -- leaves out orders that were called off: nothing was bought
        and l.quantity > 0                                    -- leaves out lines that were taken off the order
        and r.return_id is null                               -- leaves out what is on its way back: they look for another
    group by o.customer_id, o.brand, i.category
),

-- The category that is looked at most.
undecided as (
    select c.*
    from compared as c
    qualify row_number() over (
        partition by c.customer_id, c.brand order by c.view_count desc, c.last_viewed_at desc, c.category
    ) = 1
),

ranked as (
    select
        l.customer_id,
        l.brand,
        l.item,
        l.item_de,
        row_number() over (
            partition by l.customer_id, l.brand order by l.view_count desc, l.last_viewed_at desc, l.item_id
        ) as place
    from looked_at as l
    join undecided as u on u.customer_id = l.customer_id and u.brand = l.brand and u.category = l.category
)

select
    u.customer_id,
    u.brand,
    u.last_viewed_at + interval 10 days as valid_until,
    first.item,
    first.item_de,
    second.item as other_item,
    second.item_de as other_item_de,
    u.last_viewed_at as visits_as_of,
    -- A name, or nothing: what a form, a script or a spreadsheet left there is not printed.
    case
        when
            regexp_full_match(trim(c.first_name), '[\p{L}\p{M}''’. -]*\p{L}[\p{L}\p{M}''’. -]*')
            and lower(trim(c.first_name)) not in ('null', 'none', 'unknown', 'test')
            then trim(c.first_name)
    end as first_name,
    c.loaded_at as name_as_of,
    u.last_viewed_at,
    u.view_count
from undecided as u
join customers as c using (customer_id)
join ranked as first on first.customer_id = u.customer_id and first.brand = u.brand and first.place = 1
join ranked as second on second.customer_id = u.customer_id and second.brand = u.brand and second.place = 2
left join bought as b on b.customer_id = u.customer_id and b.brand = u.brand and b.category = u.category
where
    u.customer_id not in (select customer_id from robots)     -- leaves out robots
    and coalesce(b.bought_at < u.first_viewed_at, true)       -- leaves out who has bought there since beginning to look
