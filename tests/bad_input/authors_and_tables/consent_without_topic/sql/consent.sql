SELECT event_id, customer_id, brand, channel, state, happened_at FROM consents
