-- What a run of this workspace has to come to, from the tables of the warehouse alone: written apart from sql/ and from the
-- program, in other words where there are any. It reads the variables `as_of` (date) and `now` (UTC timestamp), and the table
-- `had` (household_id, staple, as_of, is_told): what was decided earlier, and whether it was delivered or held out. It makes:
--   candidates  one row per household and staple that is due, with the first reason against it
--   units       one row per household: what became of it
--   messages    one row per household that is spoken to and way on which that is wanted

-- Where a reason stands among the others.
create or replace temp macro place_of(reason) as list_position(
    [
        'SUPPRESSED', 'NO_CONSENT', 'BAD_ADDRESS', 'UNREACHABLE', 'STALE_CONTEXT', 'REPEATED', 'BELOW_THRESHOLD', 'OUTRANKED',
        'HOLDOUT'
    ],
    reason
);

create or replace temp table rhythms as
with days_of as (
    select
        t.household_id,
        s.staple,
        any_value(s.item) as item,
        list_sort(list(distinct t.bought_on)) as days,
        max(t.transaction_timestamp) as last_at
    from transactions as t, products as p, staples as s
    where
        p.product_id = t.product_id
        and s.product_type = p.product_type
        and t.quantity > 0
        and t.transaction_timestamp <= getvariable('now')
    group by 1, 2
)

select
    *,
    len(days) as bought_count,
    ceil(list_median(list_transform(range(2, len(days) + 1), lambda i: days[i] - days[i - 1])))::int as usual_days,
    days[-1] + usual_days as due_on
from days_of
where len(days) > 5;

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

create or replace temp table candidates as
with
due as (
    select
        *,
        -- 2 is a high strength, 4 days the half-life, 0.04 the weight of a purchase, -1.5 the base.
        1 / (1 + exp(-(
            -1.5
            + 2 * pow(0.5, greatest(epoch(getvariable('now')) - epoch(due_on::timestamp), 0) / 86400 / 4)
            + 0.04 * bought_count
        ))) as score
    from rhythms
    where usual_days >= 7 and usual_days <= 70 and getvariable('as_of') - due_on between 0 and 7
),

barred as (
    select
        d.*,
        case
            when s.email_reason is not null and s.sms_reason is not null
                then
                    case
                        when place_of(s.email_reason) > place_of(s.sms_reason) then s.email_reason
                        else s.sms_reason
                    end
            when d.due_on + interval 7 days <= getvariable('now') then 'STALE_CONTEXT'
            when exists (
                select 1 from had as h
                where
                    h.household_id = d.household_id
                    and (
                        h.as_of = getvariable('as_of')
                        or (h.is_told and h.staple = d.staple and getvariable('as_of') - h.as_of < 28)
                    )
            ) then 'REPEATED'
            when d.score < 0.38 then 'BELOW_THRESHOLD'
        end as bar
    from due as d
    join standing as s on s.household_id = d.household_id
),

placed as (
    select
        *,
        row_number() over (partition by household_id, bar is null order by score desc, staple) as place
    from barred
)

select
    * exclude (bar, place),
    case
        when bar is not null then bar
        when place > 1 then 'OUTRANKED'
        -- The documented draw: the first 13 hexadecimal digits of SHA-256(salt ":" id), divided by 2^52.
        when
            ('0x' || left(sha256('complete-journey/global_holdout:' || household_id), 13))::bigint < 0.05 * 2.0 ** 52
            then 'HOLDOUT'
    end as reason
from placed;

create or replace temp table units as
select
    household_id,
    case when count(*) filter (where reason is null) = 0 then arg_max(reason, place_of(reason)) end as reason
from candidates
group by 1;

create or replace temp table messages as
with
spoken_to as (
    select
        c.*,
        s.* exclude (household_id),
        -- What was bought is news for 35 days; a name is one if it is not a blank or a placeholder.
        getvariable('now') - c.last_at <= interval 35 days as is_fresh,
        case when trim(h.first_name) not in ('', 'N/A') then h.first_name end as first_name
    from candidates as c
    join standing as s on s.household_id = c.household_id
    join households as h on h.household_id = c.household_id
    where c.reason is null
),

wanted as (
    select *, 'email_file' as target, email as address, null as bar from spoken_to where email_reason is null
    union all
    select *, 'sms_file', phone, null from spoken_to where email_reason is not null
    union all
    select *, 'web_profiles', household_id::varchar, web_reason from spoken_to
)

select
    household_id,
    staple,
    target,
    address,
    case when is_fresh then item end as item,
    case when is_fresh then greatest(1, round(usual_days / 7))::int end as every_weeks,
    -- A text message does not name its reader.
    case when target <> 'sms_file' then first_name end as first_name,
    list_filter(
        [case when is_fresh then 'my_habits' end, case when target <> 'sms_file' and first_name is not null then 'name' end],
        lambda fact: fact is not null
    ) as facts,
    case
        when bar is not null then bar
        when row_number() over (partition by target, address, bar is null order by score desc, household_id::varchar) > 1
            then 'DUPLICATE_ADDRESS'
    end as reason
from wanted;
