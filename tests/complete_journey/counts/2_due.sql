-- Days on which something was bought -> how many lie between two of them, usually.
create or replace temp macro usual_gap(days) as ceil(
    list_median(list_transform(range(2, len(days) + 1), lambda i: days[i] - days[i - 1]))
)::int;

create or replace temp macro weekly(days) as greatest(1, round(days / 7))::int;

create or replace temp macro logistic(log_odds) as 1 / (1 + exp(-(log_odds)));

-- How much of something is left after a while, by the half-life in days.
create or replace temp macro left_of(since, half_life) as
pow(0.5, greatest(epoch(getvariable('now')) - epoch(since::timestamp), 0) / 86400 / half_life);

-- What was put into a basket and paid for, until now.
create or replace temp table bought as
select
    t.household_id,
    t.product_id,
    t.bought_on,
    t.transaction_timestamp as bought_at
from transactions as t
where t.quantity > 0 and t.transaction_timestamp <= getvariable('now');

create or replace temp table rhythms as
with days_of as (
    select
        b.household_id,
        s.staple,
        any_value(s.item) as item,
        list_sort(list(distinct b.bought_on)) as days,
        max(b.bought_at) as last_at
    from bought as b, products as p, staples as s
    where p.product_id = b.product_id and s.product_type = p.product_type
    group by 1, 2
)

select
    *,
    len(days) as bought_count,
    usual_gap(days) as usual_days,
    days[-1] + usual_days as due_on
from days_of
where len(days) > 5;

-- The days of each household in each category, and all its days.
create or replace temp table category_days as
select
    b.household_id,
    k.category,
    any_value(k.item) as item,
    list_sort(list(distinct b.bought_on)) as days,
    max(b.bought_at) as last_at
from bought as b, products as p, categories as k
where p.product_id = b.product_id and k.product_category = p.product_category
group by 1, 2;

create or replace temp table visit_days as
select
    household_id,
    list(distinct bought_on) as days,
    max(bought_at) as last_at
from bought
group by 1;

-- Coupons in hand: those of mailings that all their households got whole, less those used, each with its one category.
create or replace temp table in_hand as
with
kinds as (
    select
        c.campaign_id,
        c.coupon_upc,
        list_distinct(list(p.product_category)) as kinds
    from coupons as c, products as p
    where p.product_id = c.product_id
    group by 1, 2
),

left_over as (
    select
        m.household_id,
        k.campaign_id,
        k.coupon_upc
    from mailings as m, kinds as k
    where m.campaign_id = k.campaign_id and len(k.kinds) = 1 and m.mailed_at <= getvariable('now')
    except
    select
        household_id,
        campaign_id,
        coupon_upc
    from redemptions
    where redeemed_at <= getvariable('now')
)

select
    l.household_id,
    l.campaign_id,
    g.category,
    any_value(g.item) as item,
    count(distinct l.coupon_upc) as coupon_count
from left_over as l, kinds as k, categories as g
where
    k.campaign_id = l.campaign_id
    and k.coupon_upc = l.coupon_upc
    and g.product_category = k.kinds[1]
    and l.campaign_id in (select campaign_id from campaigns where campaign_type in ('Type B', 'Type C'))
group by 1, 2, 3;

create or replace temp table due as
with
low as (
    select
        household_id,
        'running_low' as product,
        staple as subject,
        -- 2 is a high strength, 4 days the half-life, 0.04 the weight of a purchase, -1.5 the base.
        logistic(-1.5 + 2 * left_of(due_on, 4) + 0.04 * bought_count) as score,
        0.38 as least,
        due_on + interval 7 days as over_at,
        item,
        weekly(usual_days) as every_weeks,
        last_at as habits_at
    from rhythms
    where usual_days >= 7 and usual_days <= 70 and getvariable('as_of') - due_on between 0 and 7
),

ending as (
    select
        list_filter(d.days, lambda day: day > getvariable('as_of') - 182) as lately,
        i.household_id,
        'coupon_ending' as product,
        i.campaign_id || '/' || i.category as subject,
        -- 1 is a medium strength: whoever has used a coupon before may use this one.
        logistic(
            -0.2
            - 0.1 * (c.ends_on - getvariable('as_of'))
            + 0.1 * len(lately)
            + (i.household_id in (select household_id from redemptions where redeemed_at <= getvariable('now')))::int
        ) as score,
        0.4 as least,
        c.ends_on + interval 1 day as over_at,
        i.item,
        greatest(1, round(26 / len(lately)))::int as every_weeks,
        d.last_at as habits_at,
        i.coupon_count,
        c.ends_on
    from in_hand as i, campaigns as c, category_days as d
    where
        c.campaign_id = i.campaign_id
        and d.household_id = i.household_id
        and d.category = i.category
        and len(lately) > 2
        and c.ends_on >= getvariable('as_of')
        and c.ends_on < getvariable('as_of') + 14
),

missed as (
    select
        getvariable('as_of') - d.days[-1] as away,
        len(list_filter(v.days, lambda day: day > d.days[-1])) as without,
        d.household_id,
        'missed_category' as product,
        d.category as subject,
        -- 2 is a high strength, 60 days the half-life, 0.05 the weight of a purchase, 0.02 that of a visit without one.
        logistic(-2 + 2 * left_of(d.days[-1], 60) + 0.05 * len(d.days) + 0.02 * without) as score,
        0.45 as least,
        d.item,
        weekly(usual_gap(d.days)) as every_weeks,
        v.last_at as habits_at
    from category_days as d, visit_days as v
    where
        v.household_id = d.household_id
        and len(d.days) > 7
        and usual_gap(d.days) < 29
        and away > 3 * usual_gap(d.days)
        and away > 41
        and away < 113
        and without > 3
)

select * from low
union all by name
select * exclude (lately) from ending
union all by name
select * exclude (away, without) from missed;
