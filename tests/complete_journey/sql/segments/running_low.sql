-- What a household buys in a rhythm of its own and is about to need again: one row per household and staple.
with
trips as (
    select
        t.household_id,
        s.staple,
        s.item,
        t.bought_on,
        max(t.transaction_timestamp) as bought_at
    from transactions as t
    join products as p using (product_id)                     -- leaves out what was sold under a number that nobody knows
    join staples as s using (product_type)                    -- leaves out what is not used up, or too private for a list
    where t.quantity > 0                                      -- leaves out coupons and what came back
    group by t.household_id, s.staple, s.item, t.bought_on
),

gaps as (
    select
        *,
        bought_on - lag(bought_on) over (partition by household_id, staple order by bought_on) as gap_days
    from trips
),

habits as (
    select
        household_id,
        staple,
        item,
        count(*) as bought_count,
        ceil(median(gap_days))::integer as usual_days,
        max(bought_on) as last_bought_on,
        max(bought_at) as last_bought_at
    from gaps
    group by household_id, staple, item
    having count(*) >= 6                                      -- leaves out what is no habit yet
)

select
    h.household_id as customer_id,
    'fairfield' as brand,
    h.staple as subject_id,
    h.last_bought_on + h.usual_days + interval 7 days as valid_until,
    h.item,
    greatest(1, round(h.usual_days / 7))::integer as every_weeks,
    h.last_bought_at as my_habits_as_of,
    p.first_name,
    p.loaded_at as name_as_of,
    (h.last_bought_on + h.usual_days)::timestamp as due_at,
    h.bought_count
from habits as h
join households as p using (household_id)
where
    h.usual_days between 7 and 70                             -- leaves out what is bought daily, or by chance
    and h.last_bought_on + h.usual_days <= $as_of             -- leaves out what lasts for now
    and h.last_bought_on + h.usual_days >= $as_of - 7         -- leaves out habits that have ended
