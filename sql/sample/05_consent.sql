-- What people have agreed to, by brand, channel and topic; and the addresses that must not be used.

-- A member of a brand, numbered so that the two brands of one person draw apart.
create temp table members as
select n * 2 as m, n, customer_id, first_brand as brand, registered_days as member_days, email from people
union all
select n * 2 + 1, n, customer_id, second_brand, registered_days * draw(n, 'joined'), email from people where has_both;

insert into consent_events
with given as (
    -- On joining: e-mail for most, mostly on everything; text messages for a third, push for most who have the app.
    select m, customer_id, brand, 'email' as channel,
        case when draw(m, 'email topic') < 0.8 then '*' when draw(m, 'email topic') < 0.9 then 'product_care' else 'shopping_help' end
            as topic,
        if(draw(m, 'confirmed') < 0.06, 'pending', 'yes') as state, member_days as days, null::double as until_days,
        'sign-up' as source
    from members where draw(m, 'email consent') < 0.72
    union all
    select m, customer_id, brand, 'sms', '*', 'yes', member_days, null, 'sign-up'
    from members where draw(m, 'sms consent') < 0.35
    union all
    select m, customer_id, brand, 'push', '*', 'yes', member_days, null, 'app'
    from members where draw(m, 'push consent') < if(draw(n, 'app') < 0.35, 0.7, 0.1)
    union all
    select m, customer_id, brand, 'web', '*', 'yes', member_days, null, 'banner'
    from members where draw(m, 'web consent') < 0.6
    union all
    select m, customer_id, brand, 'ads', '*', 'yes', member_days, null, 'banner'
    from members where draw(m, 'ads consent') < 0.45
    union all
    -- Later: withdrawn as a whole, for one topic, for a while; service texts refused; given again.
    select m, customer_id, brand, 'email', '*', 'no', member_days * draw(m, 'withdrawn at'), null, 'unsubscribe link'
    from members where draw(m, 'withdrawn') < 0.12
    union all
    select m, customer_id, brand, 'email', '*', 'yes', member_days * draw(m, 'withdrawn at') * 0.5, null, 'preference centre'
    from members where draw(m, 'withdrawn') < 0.02
    union all
    select m, customer_id, brand, '*', 'product_care', 'no', member_days * draw(m, 'topic left'), null, 'preference centre'
    from members where draw(m, 'leaves topic') < 0.03
    union all
    select m, customer_id, brand, '*', 'shopping_help', 'no', member_days * draw(m, 'help left'), null, 'preference centre'
    from members where draw(m, 'leaves help') < 0.04
    union all
    select m, customer_id, brand, '*', 'returns', 'no', member_days * draw(m, 'returns left'), null, 'preference centre'
    from members where draw(m, 'leaves returns') < 0.01
    union all
    select m, customer_id, brand, 'sms', 'order_updates', 'no', member_days * draw(m, 'updates left'), null, 'stop word'
    from members where draw(m, 'leaves updates') < 0.02
    union all
    select m, customer_id, brand, 'email', '*', 'snooze', least(member_days, 30) * draw(m, 'snoozed at'), 30, 'preference centre'
    from members where draw(m, 'snoozes') < 0.02
    union all
    -- Dirt: yes and no at one instant; a state that nobody defined.
    select m, customer_id, brand, 'email', '*', unnest(['yes', 'no']), member_days * 0.3, null, 'import'
    from members where draw(m, 'contradicts') < 0.005
    union all
    select m, customer_id, brand, 'email', '*', 'opted-in?', member_days * 0.2, null, 'import'
    from members where draw(m, 'unknown state') < 0.002
),
numbered as (
    select *, days_ago(days) as happened_at from given
)
select
    'E' || hash(hash(m, channel, topic, source, state)), customer_id, brand, channel, topic, state, happened_at,
    days_after(happened_at, until_days), source, if(source = 'import', null, source || ' 3'), known_from(happened_at, m)
from numbered;

insert into suppressions
select 'email', if(draw(n, 'case') < 0.1, upper(email), email), '*', 'bounced', happened_at, known_from(happened_at, n)
from (select *, days_ago(registered_days * draw(n, 'bounced at')) as happened_at from people where draw(n, 'bounced') < 0.015)
union all
select 'email', email, brand, 'spam complaint', happened_at, known_from(happened_at, m)
from (select *, days_ago(member_days * draw(m, 'complained at')) as happened_at from members where draw(m, 'complained') < 0.002)
union all
select 'sms', '+' || calling_code || mobile_number, '*', 'number out of use', happened_at, known_from(happened_at, n)
from (select *, days_ago(registered_days * draw(n, 'unused at')) as happened_at from people where draw(n, 'unused') < 0.01)
union all
-- Addresses of people who are no customers (any more).
select 'email', 'gone' || k || '@example.org', '*', 'asked us to', days_ago(k), days_ago(k)
from range(1, 26) as t(k);
