-- How each person can be reached: addresses as they were read before, and whether they are on a list of suppressed ones.
create table people as
with asked as (from customers_query),
listed as (
    -- A channel that nobody knows bars them all.
    select
        case when lower(trim(s.channel)) in ('email', 'sms', 'push', 'web', 'ads', 'call') then lower(trim(s.channel)) else '*' end
            as channel,
        coalesce(lower(trim(s.brand)), '*') as brand,
        a.address
    from suppressions_query as s
    join read_parquet($addresses) as a on a.kind = 'suppressed' and a.raw = s.address and a.region is not distinct from s.channel
),
read as (
    select
        p.customer_id, p.brand, p.country, p.time_zone, e.address as email, lower(e.address) as email_match, t.address as phone,
        t.zones as phone_zones,
        regexp_extract(lower(p.locale), '^\s*([a-z]{2,3})(?:[-_.@,;\s]|$)', 1) in ('de', 'deu', 'ger') as is_german
    from asked as p
    left join read_parquet($addresses) as e on e.kind = 'email' and e.raw = p.email
    left join read_parquet($addresses) as t on t.kind = 'phone' and t.raw = p.phone and t.region is not distinct from p.country
),
barred as (
    select
        p.customer_id, p.brand,
        bool_or(l.address = p.email_match and l.channel in ('email', '*')) as email,
        bool_or(l.address = p.email_match and l.channel in ('ads', '*')) as ads,
        bool_or(l.address = p.phone and l.channel in ('sms', '*')) as sms,
        bool_or(l.address = p.phone and l.channel in ('ads', 'sms', 'call', '*')) as phone
    from read as p
    join listed as l on l.address in (p.email_match, p.phone) and l.brand in (p.brand, '*')
    group by p.customer_id, p.brand
)
select
    p.*,
    coalesce(b.email, false) as email_barred, coalesce(b.ads, false) as ads_barred, coalesce(b.sms, false) as sms_barred,
    coalesce(b.phone, false) as phone_barred
from read as p
left join barred as b using (customer_id, brand);

-- What was said last of each scope: a yes, a no or neither. Ties and what nobody can read are a no, and so is a snooze until it ends.
create table said as
with events as (
    select
        customer_id, lower(trim(brand)) as brand, lower(trim(channel)) as channel, lower(trim(topic)) as topic,
        lower(trim(state)) as state, happened_at, coalesce(until <= $now, false) as is_over
    from consent_query
),
judged as (
    select
        *,
        case when state = 'yes' and not is_over then 'yes' when state in ('yes', 'pending') then 'neither' else 'no' end as verdict
    from events
    where not (is_over and state is not distinct from 'snooze')
),
dated as (
    select
        customer_id, brand, verdict,
        if(verdict = 'no' and coalesce(channel not in ('email', 'sms', 'push', 'web', 'ads', 'call', '*'), true), '*', channel)
            as channel,
        if(verdict = 'no' and coalesce(topic, '') = '', '*', topic) as topic,
        if(verdict = 'no', least(coalesce(happened_at, $now), $now), happened_at) as happened_at
    from judged
),
latest as (
    select *
    from dated
    where happened_at <= $now
    qualify rank() over (partition by customer_id, brand, channel, topic order by happened_at desc) = 1
)
select customer_id, brand, channel, topic, if(min(verdict) = max(verdict), min(verdict), 'no') as verdict
from latest
group by all;
