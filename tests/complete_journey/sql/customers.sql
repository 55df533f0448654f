-- One row per household: how to reach it. Routing only, none of it reaches the words.
select
    household_id as customer_id,
    'fairfield' as brand,
    country,
    locale,
    time_zone,
    email,
    phone
from households
