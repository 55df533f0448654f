-- Returns that were opened and have not arrived, while there is time: one row per return. Robots that pay are customers.
with
-- What was told last of each return.
latest as (
    select
        o.customer_id,
        o.brand,
        r.return_id,
        r.order_id,
        r.line_number,
        r.opened_at,
        r.return_by_on,
        r.received_at,
        r.refunded_at
    from returns as r
    join orders as o using (order_id)
    where o.status <> 'cancelled'                             -- leaves out orders that were called off
    qualify row_number() over (
        partition by o.customer_id, r.return_id order by r.loaded_at desc nulls last, r.received_at desc nulls last
    ) = 1
)

select
    r.customer_id,
    r.brand,
    r.return_id as subject_id,
    r.return_by_on + interval 1 day as valid_until,           -- the end of the last day
    i.name as item,
    coalesce(i.name_de, i.name) as item_de,
    r.return_by_on,
    r.opened_at as last_order_as_of,
    -- A name, or nothing: what a form, a script or a spreadsheet left there is not printed.
    case
        when
            regexp_full_match(trim(c.first_name), '[\p{L}\p{M}''’. -]*\p{L}[\p{L}\p{M}''’. -]*')
            and lower(trim(c.first_name)) not in ('null', 'none', 'unknown', 'test')
            then trim(c.first_name)
    end as first_name,
    c.loaded_at as name_as_of
from latest as r
join customers as c using (customer_id)
left join order_lines as l on l.order_id = r.order_id and l.line_number = r.line_number
left join items as i using (item_id)                          -- an item that nobody knows: it may be sent back all the same
where
    r.opened_at < $as_of                                      -- leaves out who was told how today
    and r.return_by_on >= $as_of                              -- leaves out what is too late, or has no last day
    and coalesce(r.received_at > $now, true)                  -- leaves out what is here
    and coalesce(r.refunded_at > $now, true)                  -- leaves out what was paid back without being sent
