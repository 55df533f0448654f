-- Where a reason stands among the others.
create or replace temp macro place_of(reason) as list_position(
    [
        'SUPPRESSED', 'NO_CONSENT', 'BAD_ADDRESS', 'UNREACHABLE', 'STALE_CONTEXT', 'REPEATED', 'BELOW_THRESHOLD', 'OUTRANKED',
        'HOLDOUT'
    ],
    reason
);

-- How long the same help does not come again, and whether that is about the same thing or about anything.
create or replace temp table pauses as
select *
from (
    values ('running_low', 28, true), ('coupon_ending', 21, true), ('missed_category', 42, false)
) as pauses (product, pause_days, is_about_the_same);

create or replace temp table candidates as
with
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
            when d.over_at <= getvariable('now') then 'STALE_CONTEXT'
            when exists (
                select 1 from had as h, pauses as p
                where
                    h.household_id = d.household_id
                    and p.product = d.product
                    and (
                        h.as_of = getvariable('as_of')
                        or (
                            h.is_told
                            and h.product = d.product
                            and getvariable('as_of') - h.as_of < p.pause_days
                            and (h.subject = d.subject or not p.is_about_the_same)
                        )
                    )
            ) then 'REPEATED'
            when d.score < d.least then 'BELOW_THRESHOLD'
        end as bar
    from due as d
    join standing as s on s.household_id = d.household_id
),

placed as (
    select
        *,
        row_number() over (partition by household_id, bar is null order by score desc, product, subject) as place
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
