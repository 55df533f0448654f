-- What a run of this workspace has to come to, from the tables of the warehouse alone: written apart from sql/ and from the
-- program, in other words where there are any. The files are read in their order, with the variables `as_of` (date) and `now`
-- (UTC timestamp) and the table `had` (household_id, product, subject, as_of, is_told): what was decided earlier, and whether
-- it was delivered or held out. They make:
--   standing    one row per household: its addresses, and what bars each way
--   due         one row per household and help that may be needed, with its score and its facts
--   candidates  the same with the first reason against it
--   units       one row per household: what became of it
--   messages    one row per household that is spoken to and way on which that is wanted

-- What each household says on each way: its last word in each of the four scopes that matter; silence and doubt are a no.
create or replace temp table said as
with
ways as (select unnest(['email', 'sms', 'web']) as way),

words as (
    select
        c.household_id,
        c.channel,
        c.topic,
        c.happened_at,
        case
            when c.state = 'snooze' then 'no'
            when c.state = 'yes' and c.until <= getvariable('now') then 'nothing'
            when c.state in ('yes', 'no') then c.state
            else 'nothing'
        end as word
    from consent_events as c
    where
        c.happened_at <= getvariable('now')
        and not (c.state = 'snooze' and c.until is not null and c.until <= getvariable('now'))
        and c.topic in ('*', 'shopping_help')
),

last_words as (
    select
        w.household_id,
        w.channel,
        w.topic,
        case when min(w.word) = max(w.word) then min(w.word) else 'no' end as word
    from words as w
    where not exists (
        select 1 from words as later
        where
            later.household_id = w.household_id
            and later.channel = w.channel
            and later.topic = w.topic
            and later.happened_at > w.happened_at
    )
    group by 1, 2, 3
)

select
    l.household_id,
    ways.way,
    count(*) filter (where l.word = 'yes') > 0 and count(*) filter (where l.word = 'no') = 0 as is_yes
from last_words as l
join ways on l.channel in (ways.way, '*')
group by 1, 2;

create or replace temp table standing as
with
written as (
    select
        household_id,
        lower(email) as email,
        '+1' || right(regexp_replace(phone, '[^0-9]', '', 'g'), 10) as phone,
        email is null as has_no_email,
        phone is null as has_no_phone,
        coalesce(email not like '%@@%', false) as is_good_email,
        coalesce(len(regexp_replace(phone, '[^0-9]', '', 'g')) >= 10, false) as is_good_phone
    from households
),

listed as (
    select distinct channel, lower(address) as address from suppressions where happened_at <= getvariable('now')
)

select
    w.household_id,
    case when w.is_good_email then w.email end as email,
    case when w.is_good_phone then w.phone end as phone,
    case
        when w.is_good_email and ('email', w.email) in (select (channel, address) from listed) then 'SUPPRESSED'
        when not coalesce(e.is_yes, false) then 'NO_CONSENT'
        when w.has_no_email then 'UNREACHABLE'
        when not w.is_good_email then 'BAD_ADDRESS'
    end as email_reason,
    case
        when w.is_good_phone and ('sms', w.phone) in (select (channel, address) from listed) then 'SUPPRESSED'
        when not coalesce(s.is_yes, false) then 'NO_CONSENT'
        when w.has_no_phone then 'UNREACHABLE'
        when not w.is_good_phone then 'BAD_ADDRESS'
    end as sms_reason,
    case when not coalesce(b.is_yes, false) then 'NO_CONSENT' end as web_reason
from written as w
left join said as e on e.household_id = w.household_id and e.way = 'email'
left join said as s on s.household_id = w.household_id and s.way = 'sms'
left join said as b on b.household_id = w.household_id and b.way = 'web';
