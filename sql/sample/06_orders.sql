-- Orders with their lines, parcels and returns. `bought` and `parcels` keep the truth for later files.

-- A shop that grows: half of the orders fall into the last two fifths of a customer's time.
create temp table bought as
with placed as (
    select
        n, n * 16 + unnest(range(order_count)) as o, customer_id, people, first_brand, second_brand, has_both, registered_days
    from people
)
select
    o, n, order_name(o) as order_id, customer_id, people,
    if(has_both and draw(o, 'brand') < 0.5, second_brand, first_brand) as brand,
    date_trunc('second', days_ago(least(registered_days, 900) * pow(draw(o, 'age'), 1.4))) as ordered_at,
    draw(o, 'sold in') < 0.82 as is_online, draw(o, 'status') < 0.03 as is_cancelled,
    1 + floor(4 * pow(draw(o, 'lines'), 2.5))::integer as line_count
from placed;

insert into orders
select
    order_id, customer_id, brand,
    case
        when draw(o, 'date dirt') < 0.001 then null
        when draw(o, 'date dirt') < 0.002 then days_after(present(), 1 + 400 * draw(o, 'future'))
        else ordered_at
    end,
    if(is_online, 'online', 'store'), if(is_online, null, store_name(pick(o, 'store', 36))),
    if(is_cancelled, 'cancelled', 'placed'), known_from(ordered_at, o)
from bought;

-- Few items sell much, many sell little.
insert into order_lines
with goods as (
    select item_id, price_eur, is_consumable, (row_number() over (order by hash(item_id)) - 1)::integer as place from items
),
-- One customer in five has something that they use up and buy again and again.
staples as (
    select list(place order by item_id) as places from goods where is_consumable
),
lines as (
    select
        o, order_id, ordered_at, l + 1 as line_number, o * 4 + l as line,
        if(
            draw(n, 'regular') < 0.2 and draw(o * 4 + l, 'staple') < 0.3,
            places[1 + pick(n, 'which staple', len(places))],
            floor(pow(draw(o * 4 + l, 'item'), 1.5) * getvariable('item_count'))::integer
        ) as place
    from (select o, n, order_id, ordered_at, unnest(range(line_count)) as l from bought), staples
)
select
    l.order_id, l.line_number,
    if(draw(line, 'item dirt') < 0.002, 'I999', g.item_id),
    case when draw(line, 'item dirt') > 0.999 then 0 when g.is_consumable then 1 + pick(line, 'quantity', 4) else 1 end,
    if(draw(line, 'sale') < 0.2, (g.price_eur * 0.8)::decimal(10, 2), g.price_eur), known_from(l.ordered_at, l.o)
from lines as l
join goods as g using (place);

-- One order in twenty-five comes in two parcels; one parcel in six is late by one to twelve days.
create temp table parcels as
with sent as (
    select *, o * 2 + k as parcel, k + 1 as parcel_number, 3 + pick(o, 'promise', 3) as promised_days,
        draw(o * 2 + k, 'late') < 0.17 as is_late
    from (select *, unnest(range(if(draw(o, 'parcels') < 0.04, 2, 1))) as k from bought where is_online)
),
timed as (
    select *, if(
        is_late,
        promised_days + 1 + 11 * pow(draw(parcel, 'days late'), 1.5),
        1.5 + (promised_days - 1.5) * draw(parcel, 'days')
    ) as days
    from sent
)
select
    *, ordered_at::date + promised_days as promised_on,
    -- Between eight and five: the day is the same in every country that is delivered to.
    days_after(date_trunc('day', days_after(ordered_at, days)), (8 + 9 * draw(parcel, 'hour')) / 24) as arrives_at,
    days_after(ordered_at, days * (0.15 + 0.25 * draw(parcel, 'shipped'))) as ships_at,
    -- Two days after the order the shop knows that a parcel will be late, and mostly until when.
    is_late and days_after(ordered_at, 2) <= present() as is_known_late,
    draw(parcel, 'lost') < 0.003 as is_lost
from timed;

insert into deliveries
with states as (
    select *, case
        when is_cancelled then 'cancelled' when is_lost and ships_at <= present() then 'lost'
        when arrives_at <= present() then 'delivered' when ships_at <= present() then 'shipped' else 'preparing' end as status
    from parcels
),
rows_of as (
    select
        order_id || '-' || parcel_number as delivery_id, order_id, parcel_number, ordered_at as created_at,
        if(draw(parcel, 'promise dirt') < 0.005, null, promised_on) as promised_on,
        case when not is_known_late then promised_on when draw(parcel, 'estimate') < 0.75 then arrives_at::date end
            as expected_on,
        case when status in ('shipped', 'delivered', 'lost')
            then if(draw(parcel, 'order of times') < 0.002, days_after(arrives_at, 1), ships_at) end as shipped_at,
        if(status = 'delivered', arrives_at, null) as delivered_at, status,
        ['DHL', 'DPD', 'PostNord', 'GLS'][1 + pick(parcel, 'carrier', 4)] as carrier,
        known_from(case status when 'delivered' then arrives_at when 'shipped' then ships_at else ordered_at end, parcel)
            as loaded_at,
        parcel
    from states
)
from (select * exclude (parcel) from rows_of
    union all
    -- Dirt: a parcel told twice, the second time by a correction that came later.
    select * exclude (parcel) replace (least(present(), days_after(loaded_at, 1)) as loaded_at)
    from rows_of where draw(parcel, 'told twice') < 0.002);

-- One order in five has something to send back, which is opened within three weeks; one in four of those is never sent.
create temp table sent_back as
with wanted as (
    select *, days_after(arrives_at, 1 + 20 * draw(parcel, 'opened')) as opened_at from parcels
    where not is_cancelled and not is_lost and parcel_number = 1 and draw(parcel, 'returned') < 0.2
)
select
    *, 'R' || order_id[2:] as return_id,
    if(draw(parcel, 'sent back') < 0.25, null, days_after(opened_at, 5 + 18 * draw(parcel, 'sent at'))) as received_at
from wanted
where opened_at <= present();

insert into returns
with rows_of as (
    select
        return_id, order_id, 1 as line_number,
        ['too small', 'too large', 'not as described', 'broken', 'changed my mind'][1 + pick(o, 'why', 5)] as reason,
        opened_at, if(draw(parcel, 'deadline dirt') < 0.005, null, opened_at::date + 30) as return_by_on,
        if(received_at <= present(), received_at, null) as received_at,
        if(days_after(received_at, 4) <= present(), days_after(received_at, 4), null) as refunded_at,
        known_from(if(received_at <= present(), received_at, opened_at), parcel) as loaded_at, parcel
    from sent_back
)
from (select * exclude (parcel) from rows_of
    union all
    -- Dirt: a return told twice, the first time before it was received.
    select * exclude (parcel) replace (null as received_at, null as refunded_at, known_from(opened_at, parcel) as loaded_at)
    from rows_of where received_at is not null and draw(parcel, 'return told twice') < 0.01);
