create or replace temp table messages as
with
spoken_to as (
    select
        c.*,
        s.* exclude (household_id),
        -- What was bought is news for 35 days; a name is one if it is not a blank or a placeholder.
        getvariable('now') - c.habits_at <= interval 35 days as is_fresh,
        case when trim(h.first_name) not in ('', 'N/A') then h.first_name end as name_given
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
),

-- What each way says: a text message does not name its reader, and only an e-mail tells how often a coupon's goods are bought.
said as (
    select
        *,
        product = 'coupon_ending' as says_coupons,
        is_fresh and (product <> 'coupon_ending' or target = 'email_file') as says_habits,
        name_given is not null and target <> 'sms_file' as says_name
    from wanted
)

select
    household_id,
    product,
    subject,
    target,
    address,
    score,
    case when says_coupons or says_habits then item end as item,
    case when says_habits then every_weeks end as every_weeks,
    coupon_count,
    ends_on,
    case when says_name then name_given end as first_name,
    list_filter(
        [
            case when says_coupons then 'my_coupons' end,
            case when says_habits and not says_coupons then 'my_habits' end,
            case when says_name then 'name' end,
            case when says_habits and says_coupons then 'my_habits' end
        ],
        lambda fact: fact is not null
    ) as facts,
    case
        when bar is not null then bar
        when row_number() over (partition by target, address, bar is null order by score desc, household_id::varchar) > 1
            then 'DUPLICATE_ADDRESS'
    end as reason
from said;
