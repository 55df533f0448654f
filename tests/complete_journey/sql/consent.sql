-- What households have agreed to or refused, one row per event; the latest of a scope holds.
select
    event_id,
    household_id as customer_id,
    'fairfield' as brand,
    channel,
    topic,
    state,
    happened_at,
    until,
    source,
    wording
from consent_events
