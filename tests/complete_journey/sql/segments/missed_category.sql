-- What a household used to buy regularly and has not for a while, though it still shops here: one row per household and category.
with
trips as (
    select distinct
        t.household_id,
        k.category,
        k.item,
        t.bought_on
    from transactions as t
    join products as p using (product_id)                     -- leaves out what was sold under a number that nobody knows
    join categories as k using (product_category)             -- leaves out what is too private to be asked about
    where t.quantity > 0                                      -- leaves out coupons and what came back
),

gaps as (
    select
        *,
        bought_on - lag(bought_on) over (partition by household_id, category order by bought_on) as gap_days
    from trips
),

habits as (
    select
        household_id,
        category,
        item,
        count(*) as bought_count,
        ceil(median(gap_days))::integer as usual_days,
        max(bought_on) as last_bought_on
    from gaps
    group by household_id, category, item
    having count(*) >= 8                                      -- leaves out what was no habit
),

visits as (
    select
        household_id,
        bought_on as visited_on,
        max(transaction_timestamp) as visited_at
    from transactions
    where quantity > 0                                        -- leaves out who only brought something back
    group by household_id, bought_on
),

visits_since as (
    select
        h.household_id,
        h.category,
        count(*) as visits_without,
        max(v.visited_at) as last_visited_at
    from habits as h
    join visits as v on v.household_id = h.household_id and v.visited_on > h.last_bought_on
    group by h.household_id, h.category
)

select
    h.household_id as customer_id,
    'fairfield' as brand,
    h.category as subject_id,
    h.item,
    greatest(1, round(h.usual_days / 7))::integer as every_weeks,
    -- That something is missed was seen at the last visit, not when it was bought last.
    v.last_visited_at as my_habits_as_of,
    p.first_name,
    p.loaded_at as name_as_of,
    h.last_bought_on::timestamp as last_bought_at,
    h.bought_count,
    v.visits_without
from habits as h
join visits_since as v using (household_id, category)
join households as p using (household_id)
where
    h.usual_days <= 28                                        -- leaves out what was bought now and then
    and $as_of - h.last_bought_on > 3 * h.usual_days          -- leaves out who has but skipped it
    and $as_of - h.last_bought_on between 42 and 112          -- leaves out holidays, and what is long forgotten
    and v.visits_without >= 4                                 -- leaves out who hardly comes any more
