-- What people looked at, put into baskets, and when they logged in.

-- The last sixty days, most of it lately. Bots: one in a thousand customers, 1,500 to 3,500 views within a day.
insert into page_views
with opened as (
    select
        n, customer_id, first_brand, second_brand, has_both, registered_days, false as is_bot,
        n * 32 + unnest(range(least(31, count_about(n, 'views', 5)))) as view_id
    from people
    union all
    select
        n, customer_id, first_brand, second_brand, has_both, registered_days, true,
        1000000000 + n * 5000 + unnest(range(1500 + pick(n, 'bot views', 2000)))
    from people
    where is_bot
),
seen as (
    select *, if(
        is_bot,
        days_ago(1 + least(registered_days - 1, 20) * draw(n, 'bot day') - 0.00015 * (view_id - 1000000000 - n * 5000)),
        days_ago(least(registered_days, 60) * pow(draw(view_id, 'viewed'), 2))
    ) as viewed_at
    from opened
),
placed as (
    select *, pick(view_id, 'page', 7) as page_k from seen
)
select
    view_id, if(draw(view_id, 'not logged in') < 0.05, null, customer_id),
    if(has_both and draw(view_id, 'brand') < 0.5, second_brand, first_brand),
    case page_k when 3 then 'category' when 4 then 'search' when 5 then 'home' when 6 then 'stores' else 'item' end,
    if(page_k < 3, item_name(pick(view_id, 'item', getvariable('item_count'))), null),
    if(draw(view_id, 'future') < 0.0005, days_after(viewed_at, 3650), viewed_at), known_from(viewed_at, view_id)
from placed;

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

create temp table filled as
select
    n, 'B' || customer_id[2:] as basket_id, customer_id, first_brand,
    days_ago(0.1 + least(registered_days, 30) * 0.9 * draw(n, 'basket at')) as created_at
from people
where draw(n, 'basket') < 0.12;

insert into baskets
select
    basket_id, customer_id, first_brand, created_at, days_after(created_at, 0.05),
    if(draw(n, 'basket bought') < 0.3, 'bought', 'left'), known_from(created_at, n)
from filled;

insert into basket_lines
select
    basket_id, k + 1, item_name(pick(n * 4 + k, 'basket item', getvariable('item_count'))),
    1 + pick(n * 4 + k, 'basket quantity', 2), days_after(created_at, 0.01 * k), known_from(created_at, n)
from (select *, unnest(range(1 + pick(n, 'basket lines', 3))) as k from filled);
