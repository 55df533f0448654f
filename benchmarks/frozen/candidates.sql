-- Who may need one help, how to reach them, and what they have said of its topic by each channel.
with
candidates as (from segment_query where list_contains($brands, brand)),

permitted as (
    select
        c.customer_id, c.brand,
        bool_or(k.verdict = 'no' and k.channel in ('email', '*')) as email_no,
        bool_or(k.verdict = 'no' and k.channel in ('sms', '*')) as sms_no,
        bool_or(k.verdict = 'no' and k.channel in ('ads', '*')) as ads_no,
        bool_or(k.verdict = 'yes' and k.brand = c.brand and k.channel in ('email', '*')) as email_yes,
        bool_or(k.verdict = 'yes' and k.brand = c.brand and k.channel in ('sms', '*')) as sms_yes,
        bool_or(k.verdict = 'yes' and k.brand = c.brand and k.channel in ('ads', '*')) as ads_yes
    from (select distinct customer_id, brand from candidates) as c
    join said as k using (customer_id)
    where k.topic in ($topic, '*') and (k.brand = c.brand or k.brand is null or k.brand = '*')
    group by c.customer_id, c.brand
),

excluded as (
    select distinct customer_id, brand from exclusions_query where message_type = $message_type
)

select c.*, p.* exclude (customer_id, brand), k.* exclude (customer_id, brand)
from candidates as c
join people as p using (customer_id, brand)           -- leaves out who is no customer of the brand
left join permitted as k using (customer_id, brand)
anti join excluded as x on x.customer_id = c.customer_id and x.brand = c.brand
