-- Orders that come later than promised: one row per order. Robots that pay are customers: a delay is told to them as well.
with
-- What was told last of each parcel.
parcels as (
    select
        o.customer_id,
        o.brand,
        o.order_id,
        d.promised_on,
        -- What comes on time has no other day than the promised one.
        case when d.expected_on > d.promised_on then d.expected_on end as expected_on,
        d.delivered_at,
        d.status,
        d.loaded_at
    from orders as o
    join deliveries as d using (order_id)
    where o.status <> 'cancelled'                                     -- leaves out orders that were called off
    qualify row_number() over (
        partition by o.customer_id, o.order_id, d.parcel_number
        order by d.loaded_at desc nulls last, d.expected_on desc nulls last
    ) = 1
),

late as (
    select
        customer_id,
        brand,
        order_id,
        min(promised_on) as promised_on,
        -- The order is here when its last parcel is; one parcel without a day leaves the order without one.
        case when bool_and(coalesce(expected_on >= $as_of, false)) then max(expected_on) end as expected_on,
        max(loaded_at) as loaded_at
    from parcels
    where
        status not in ('cancelled', 'lost')                           -- leaves out what will not come, or is in no known state
        and coalesce(delivered_at > $now, true)                       -- leaves out what is here
        and (expected_on is not null or promised_on < $as_of)         -- leaves out what comes on time, or was promised for no day
        and promised_on > $as_of - interval 30 days                   -- leaves out parcels that somebody forgot to close
    group by customer_id, brand, order_id
),

dearest as (
    select
        t.customer_id,
        t.order_id,
        i.name as item,
        coalesce(i.name_de, i.name) as item_de
    from late as t
    join order_lines as l using (order_id)
    join items as i using (item_id)                                   -- leaves out items that nobody knows: the order stays
    where l.quantity > 0                                              -- leaves out lines that were taken off the order
    qualify row_number() over (
        partition by t.customer_id, t.order_id order by i.price_eur desc, l.line_number
    ) = 1
)

select
    t.customer_id,
    t.brand,
    t.order_id as subject_id,
    -- Until the end of the expected day; where no day is known, the news is stale after two days.
    coalesce(t.expected_on + interval 1 day, $as_of + interval 2 days) as valid_until,
    -- Every field is filled, as a dimension with an empty one is not used at all: "your order" where the item is not known,
    -- and the promised day where there is no new one.
    coalesce(p.item, 'order') as item,
    coalesce(p.item_de, 'Bestellung') as item_de,
    t.promised_on,
    t.expected_on is not null as is_rescheduled,
    coalesce(t.expected_on, t.promised_on) as expected_on,
    t.loaded_at as last_order_as_of,
    -- A name, or nothing: what a form, a script or a spreadsheet left there is not printed.
    case
        when
            regexp_full_match(trim(c.first_name), '[\p{L}\p{M}''’. -]*\p{L}[\p{L}\p{M}''’. -]*')
            and lower(trim(c.first_name)) not in ('null', 'none', 'unknown', 'test')
            then trim(c.first_name)
    end as first_name,
    c.loaded_at as name_as_of,
    greatest(1, date_diff('day', t.promised_on, coalesce(t.expected_on, $as_of))) as late_days
from late as t
join customers as c using (customer_id)
left join dearest as p using (order_id)
