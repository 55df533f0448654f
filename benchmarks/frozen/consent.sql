-- What people have agreed to or refused, one row per event; the latest of a scope holds.
select
    event_id,
    customer_id,
    brand,
    channel,
    topic,
    state,
    happened_at,
    until,
    source,
    wording
from consent_events
