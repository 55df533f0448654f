-- What people looked at, put into baskets, and when they logged in.

-- Baskets of the last thirty days. What was bought online had been in one; the others were left, some for good.
create temp table filled as
with started as (
    select
        m * 2 + unnest(range(1 + (draw(m, 'basket again') < 0.25)::integer)) as b, customer_id, brand, member_days
    from members
    where draw(m, 'basket') < 0.16
)
select
    b, 'B' || right((1000000000 + b)::varchar, 9) as basket_id, customer_id, brand,
    days_ago(0.1 + least(member_days, 30) * 0.9 * pow(draw(b, 'basket at'), 1.5)) as created_at,
    1 + pick(b, 'basket lines', 3) as line_count
from started;

insert into baskets
select
    basket_id, customer_id, brand, created_at, days_after(created_at, 0.05), 'left',
    known_from(days_after(created_at, 0.05), b)
from filled
union all
select 'B' || order_id, customer_id, brand, days_after(ordered_at, -0.05), ordered_at, 'bought', known_from(ordered_at, o)
from bought
where is_online and ordered_at > days_ago(30);

insert into basket_lines
with lines as (
    select *, b * 4 + k as line from (select *, unnest(range(line_count)) as k from filled)
)
select
    basket_id, k + 1,
    if(draw(line, 'basket dirt') < 0.002, 'I999', item_name(pick(line, 'basket item', getvariable('item_count')))),
    if(draw(line, 'basket dirt') > 0.999, 0, 1 + pick(line, 'basket quantity', 2)),
    days_after(created_at, 0.01 * k), known_from(created_at, b)
from lines
union all
select 'B' || order_id, line_number, item_id, quantity, days_after(ordered_at, -0.05 + 0.01 * line_number), l.loaded_at
from bought
join order_lines as l using (order_id)
where is_online and ordered_at > days_ago(30);

-- Items of one category lie side by side.
create temp table shelves as
select k, min(k) over (partition by category) as first_k, count(*) over (partition by category) as size
from (select item_id[2:]::integer as k, category from items);

-- The last sixty days, most of it lately. Bots: one in a thousand customers, 1,500 to 3,500 views within a day.
insert into page_views
with browsing as (
    select
        n, customer_id, first_brand, second_brand, has_both, registered_days,
        n * 32 + unnest(range(least(31, count_about(n, 'views', 6)))) as view_id
    from people
),
crawling as (
    select
        n, customer_id, first_brand, second_brand, has_both, registered_days,
        1000000000 + n * 5000 + unnest(range(1500 + pick(n, 'bot views', 2000))) as view_id
    from people
    where is_bot
),
-- Who chooses looks at up to three items of one category within a few days, at the first of them most.
choosing as (
    select
        m, customer_id, brand, member_days, first_k, size,
        1000000000000 + m * 16 + unnest(range(least(16, 3 + count_about(m, 'looks', 2)))) as view_id
    from members
    join shelves on k = pick(m, 'wanted', getvariable('item_count'))
    where draw(m, 'chooses') < 0.09
),
visits as (
    select
        view_id, customer_id, if(has_both and draw(view_id, 'brand') < 0.5, second_brand, first_brand) as brand,
        days_ago(least(registered_days, 60) * pow(draw(view_id, 'viewed'), 2)) as viewed_at,
        pick(view_id, 'page', 7) as page_k, pick(view_id, 'item', getvariable('item_count')) as item_k
    from browsing
    union all
    select
        view_id, customer_id, if(has_both and draw(view_id, 'brand') < 0.5, second_brand, first_brand),
        days_ago(1 + least(registered_days - 1, 20) * draw(n, 'bot day') - 0.00015 * (view_id - 1000000000 - n * 5000)),
        pick(view_id, 'page', 7), pick(view_id, 'item', getvariable('item_count'))
    from crawling
    union all
    select
        view_id, customer_id, brand,
        days_ago(least(member_days, 14) * (0.8 * draw(m, 'chose at') + 0.2 * draw(view_id, 'looked'))),
        0, first_k + (pick(m, 'favourite', size) + floor(3 * pow(draw(view_id, 'looks at'), 1.5))::integer) % size
    from choosing
    union all
    -- Some come back to what they have left in a basket.
    select
        2000000000000 + b, customer_id, brand,
        days_ago(date_diff('second', created_at, present()) / 86400 * draw(b, 'back at')), 0,
        pick(b * 4, 'basket item', getvariable('item_count'))
    from filled
    where draw(b, 'comes back') < 0.3
)
select
    view_id, if(draw(view_id, 'not logged in') < 0.05, null, customer_id), brand,
    case page_k when 3 then 'category' when 4 then 'search' when 5 then 'home' when 6 then 'stores' else 'item' end,
    if(page_k < 3, item_name(item_k), null),
    if(draw(view_id, 'future') < 0.0005, days_after(viewed_at, 3650), viewed_at), known_from(viewed_at, view_id)
from visits;

-- Some read how to look after what they have just got, without being told to.
insert into care_page_views
with curious as (
    select p.*, days_after(arrives_at, 10 * pow(draw(parcel, 'care page at'), 2)) as viewed_at
    from parcels as p
    where parcel_number = 1 and not is_cancelled and not is_lost and draw(parcel, 'care page') < 0.12
)
select 'V' || c.order_id[2:], c.customer_id, c.brand, i.care_page, i.item_id, c.viewed_at, known_from(c.viewed_at, c.parcel)
from curious as c
join order_lines as l on l.order_id = c.order_id and l.line_number = 1
join items as i on i.item_id = l.item_id
where i.care_page is not null and c.viewed_at <= present();

insert into logins
select
    customer_id, first_brand, ['phone', 'phone', 'computer', 'app', 'tablet'][1 + pick(login, 'device', 5)],
    logged_in_at, known_from(logged_in_at, login)
from (
    select *, days_ago(least(registered_days, 180) * pow(draw(login, 'login'), 2)) as logged_in_at
    from (
        select customer_id, first_brand, registered_days, n * 8 + unnest(range(least(7, count_about(n, 'logins', 2)))) as login
        from people
    )
);
