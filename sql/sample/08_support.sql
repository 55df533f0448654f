-- What people asked until now, when nobody was helped yet: at the base shares of planted_effects.

create temp table notes as
select topic, generate_subscripts(lines, 1) - 1 as k, unnest(lines) as line
from (
    values
    ('care', [
        'Asks how to wash it.', 'Zip sticks, wants to know which wax.', 'May it go into the dryer?',
        'How to store it over winter?'
    ]),
    ('where_is_my_order', [
        'Where is the parcel?', 'Tracking has not moved for days.', 'Needs it before the trip on Friday.',
        'Neighbour has not got it either.'
    ]),
    ('complaint', [
        'Third time late. Very upset, call back on 0664 000000.', 'Seam came open on day two.', 'Wants to speak to the manager.',
        'Refund still not there, see mail to someone@example.org.'
    ]),
    ('return', [
        'Where is the label?', 'Until when may it go back?', 'Can it be handed in at a store?', 'Has the parcel come back yet?'
    ]),
    ('other', ['Asked for opening hours.', 'Wants a copy of the bill.', 'Which size?', 'Changed address.'])
) as t(topic, lines);

insert into support_contacts
with base as (
    select distinct people, outcome, base_share from planted_effects
),
asked as (
    select
        parcel * 4 as s, customer_id, brand, order_id, 'care' as topic,
        days_after(arrives_at, 14 * draw(parcel, 'care at')) as opened_at
    from parcels as p
    join base as b on b.people = p.people and b.outcome = 'care_contact'
    where parcel_number = 1 and not is_cancelled and not is_lost and draw(parcel, 'asks care') < b.base_share
    union all
    select parcel * 4 + 1, customer_id, brand, order_id, 'where_is_my_order', days_after(promised_on::timestamp, 0.3 + 2 * draw(parcel, 'where at'))
    from parcels as p
    join base as b on b.people = p.people and b.outcome = 'where_is_my_order'
    where is_late and not is_cancelled and draw(parcel, 'asks where') < b.base_share
    union all
    select parcel * 4 + 2, customer_id, brand, order_id, 'complaint', days_after(promised_on::timestamp, 1 + 5 * draw(parcel, 'complains at'))
    from parcels as p
    join base as b on b.people = p.people and b.outcome = 'complaint'
    where is_late and not is_cancelled and draw(parcel, 'complains') < b.base_share
    union all
    select parcel * 4 + 2, customer_id, brand, order_id, 'complaint', days_after(arrives_at, 20 * draw(parcel, 'complains at'))
    from parcels as p
    where not is_late and parcel_number = 1 and not is_cancelled and not is_lost and draw(parcel, 'faulty') < 0.02
    union all
    select parcel * 4 + 3, customer_id, brand, order_id, 'other', days_after(ordered_at, 60 * draw(parcel, 'other at'))
    from parcels as p
    where parcel_number = 1 and draw(parcel, 'asks other') < 0.06
    union all
    select 5000000000 + parcel, customer_id, brand, order_id, 'return', days_after(opened_at, 10 * draw(parcel, 'return asked at'))
    from sent_back as p
    join base as b on b.people = p.people and b.outcome = 'return_question'
    where draw(parcel, 'asks return') < b.base_share
)
select
    'T' || lpad(s::varchar, 10, '0'), customer_id, brand, order_id, topic, ['phone', 'email', 'chat'][1 + pick(s, 'came by', 3)],
    if(draw(s, 'no note') < 0.1, null, n.line), opened_at,
    -- One complaint in five is never closed; everything else is answered within two days.
    case
        when topic = 'complaint' and draw(s, 'stays open') < 0.2 then null
        when days_after(opened_at, if(topic = 'complaint', 14, 2) * draw(s, 'closed')) <= present()
        then days_after(opened_at, if(topic = 'complaint', 14, 2) * draw(s, 'closed'))
    end,
    known_from(opened_at, s)
from asked
join notes as n using (topic)
where opened_at <= present() and n.k = pick(s, 'note', 4);
