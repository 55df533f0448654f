-- The grocer's warehouse: baskets, goods and households as published, and made-up people to write to.
-- Read by build.py, which brings the published tables as `raw_<name>`, `staples_list`, `categories_list` and `people`.

-- A number in [0, 1), always the same for a household and a purpose.
create macro drawn(purpose, id) as ('0x' || sha256('people/' || purpose || ':' || id)[:13])::bigint / 2.0 ** 52;

create table transactions as
select
    household_id,
    basket_id,
    product_id,
    quantity,
    sales_value,
    transaction_timestamp,
    -- The stores' own day: the published times are UTC (most trips would else be made in the middle of the night).
    (timezone('America/New_York', timezone('UTC', transaction_timestamp)))::date as bought_on,
    date_trunc('day', transaction_timestamp) + interval 1 day as loaded_at
from raw_transactions;

create table products as
select product_id, department, product_category, product_type, package_size from raw_products;

create table staples as select product_type, staple, item from staples_list;

create table categories as select product_category, category, item from categories_list;

create table campaigns as
select
    campaign_id,
    campaign_type,
    start_date as starts_at,
    end_date::date as ends_on
from raw_campaign_descriptions;

-- As published, 4,872 rows stand twice.
create table coupons as select distinct campaign_id, coupon_upc, product_id from raw_coupons;

create table mailings as
select
    m.household_id,
    m.campaign_id,
    d.start_date as mailed_at,
    d.start_date as loaded_at
from raw_campaigns as m
join raw_campaign_descriptions as d using (campaign_id);

create table redemptions as
select
    household_id,
    campaign_id,
    coupon_upc,
    redemption_date as redeemed_at,
    redemption_date + interval 1 day as loaded_at
from raw_coupon_redemptions;

create table demographics as select *, timestamp '2017-01-01' as loaded_at from raw_demographics;

create table households as
select
    household_id,
    -- Every other way of having no name, too.
    case
        when drawn('name', household_id) < 0.04 then null
        when drawn('name', household_id) < 0.06 then ' '
        when drawn('name', household_id) < 0.07 then 'N/A'
        else first_name
    end as first_name,
    surname,
    case
        when drawn('email', household_id) < 0.05 then null
        when drawn('email', household_id) < 0.08 then replace(email, '@', '@@')
        when drawn('email', household_id) < 0.12 then upper(email)
        -- Two households of one family, one address: the neighbour in this list has it as well.
        when drawn('email', household_id) < 0.20 then coalesce(lag(email) over (order by household_id), email)
        else email
    end as email,
    case
        when drawn('phone', household_id) < 0.20 then null
        when drawn('phone', household_id) < 0.23 then phone[:5]
        when drawn('phone', household_id) < 0.60 then '(' || phone[:3] || ') ' || phone[4:6] || '-' || phone[7:]
        else '+1 ' || phone
    end as phone,
    'US' as country,
    'en-US' as locale,
    'America/New_York' as time_zone,
    timestamp '2016-12-01' as registered_at,
    timestamp '2016-12-02' as loaded_at
from people;

create table consent_events as
with
said (purpose, channel, topic, state, happened_at, until, low, high) as (
    values
    ('email', 'email', 'shopping_help', 'yes', timestamp '2017-02-01', null, 0.00, 0.60),
    ('email', 'email', '*', 'yes', timestamp '2017-02-01', null, 0.60, 0.70),
    ('email', 'email', 'recipes', 'yes', timestamp '2017-02-01', null, 0.70, 0.80),
    ('email', 'email', 'shopping_help', 'pending', timestamp '2017-02-01', null, 0.80, 0.85),
    ('sms', 'sms', 'shopping_help', 'yes', timestamp '2017-03-01', null, 0.00, 0.45),
    ('web', 'web', 'shopping_help', 'yes', timestamp '2017-02-01', null, 0.00, 0.75),
    -- Leaves everything; changes the mind and comes back; leaves one topic of one channel.
    ('left', '*', '*', 'no', timestamp '2017-06-10', null, 0.00, 0.06),
    ('left', '*', '*', 'no', timestamp '2017-06-10', null, 0.06, 0.08),
    ('left', '*', '*', 'yes', timestamp '2017-07-10', null, 0.06, 0.08),
    ('left', 'email', 'shopping_help', 'no', timestamp '2017-08-10', null, 0.08, 0.11),
    -- Both at one instant; for a while only; not now; until lately.
    ('left', 'email', 'shopping_help', 'yes', timestamp '2017-08-11', null, 0.11, 0.13),
    ('left', 'email', 'shopping_help', 'no', timestamp '2017-08-11', null, 0.11, 0.13),
    ('left', '*', 'shopping_help', 'snooze', timestamp '2017-10-04', timestamp '2017-11-03', 0.13, 0.15),
    ('left', '*', 'shopping_help', 'snooze', timestamp '2017-08-20', timestamp '2017-09-20', 0.15, 0.17),
    ('left', 'sms', 'shopping_help', 'yes', timestamp '2017-03-02', timestamp '2017-09-02', 0.17, 0.19),
    -- After the first day that the tests look at.
    ('left', '*', '*', 'no', timestamp '2017-11-02', null, 0.19, 0.24),
    ('left', '*', '*', 'yes', timestamp '2017-11-03', null, 0.24, 0.26)
)

select
    sha256(household_id || channel || topic || state || happened_at::varchar)[:16] as event_id,
    household_id,
    channel,
    topic,
    state,
    happened_at + interval 1 minute * (household_id % 500) as happened_at,
    until::timestamp as until,
    'preference centre' as source,
    'Help with your shopping, by ' || channel as wording,
    happened_at + interval 1 day as loaded_at
from people
join said on drawn(said.purpose, household_id) >= said.low and drawn(said.purpose, household_id) < said.high;

create table suppressions as
select 'email' as channel, upper(email) as address, 'hard bounce' as reason, timestamp '2017-05-01' as happened_at
from people
where drawn('bounced', household_id) < 0.03
union all
select 'sms', '+1' || phone, 'complaint', timestamp '2017-05-02'
from people
where drawn('complained', household_id) < 0.03 or drawn('bounced', household_id) < 0.02
union all
-- Listed after the first day that the tests look at.
select 'email', email, 'hard bounce', timestamp '2017-11-01'
from people
where drawn('bounced later', household_id) < 0.02;

alter table suppressions add column loaded_at timestamp;
update suppressions set loaded_at = happened_at;
