-- Who holds coupons that end soon, for something that they buy anyway: one row per household, campaign and category.
with
held as (
    select
        m.household_id,
        m.campaign_id,
        g.category,
        g.item,
        c.ends_on,
        m.mailed_at,
        count(*) as coupon_count
    from mailings as m
    join campaigns as c using (campaign_id)
    join coupon_goods as g using (campaign_id)
    left join redemptions as r
        on r.household_id = m.household_id and r.campaign_id = m.campaign_id and r.coupon_upc = g.coupon_upc
    where
        r.household_id is null                                -- leaves out coupons that were handed in
        and c.campaign_type <> 'Type A'                       -- leaves out mailings of which nobody noted who got which coupons
        and c.ends_on between $as_of and $as_of + 13          -- leaves out what is over, and what has time
    group by all
),

habits as (
    select
        t.household_id,
        k.category,
        count(distinct t.bought_on) as bought_count,
        max(t.transaction_timestamp) as last_bought_at
    from transactions as t
    join products as p using (product_id)                     -- leaves out what was sold under a number that nobody knows
    join categories as k using (product_category)             -- leaves out what is too private to be reminded of
    where
        t.quantity > 0                                        -- leaves out coupons and what came back
        and t.bought_on > $as_of - 182                        -- leaves out what was bought before the last 26 weeks
    group by t.household_id, k.category
    having count(distinct t.bought_on) >= 3                   -- leaves out what was bought by chance
),

-- Who has ever handed in a coupon knows how that is done.
redeemers as (select distinct household_id from redemptions)

select
    h.household_id as customer_id,
    'fairfield' as brand,
    h.campaign_id || '/' || h.category as subject_id,
    (h.ends_on + 1)::timestamp as valid_until,
    h.item,
    h.coupon_count,
    h.ends_on,
    h.mailed_at as my_coupons_as_of,
    greatest(1, round(26 / b.bought_count))::integer as every_weeks,
    b.last_bought_at as my_habits_as_of,
    p.first_name,
    p.loaded_at as name_as_of,
    h.ends_on - $as_of as days_left,
    b.bought_count,
    r.household_id is not null as has_redeemed
from held as h
join habits as b using (household_id, category)               -- leaves out coupons for what they do not buy
join households as p using (household_id)
left join redeemers as r using (household_id)
