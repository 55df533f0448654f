-- Who waits for an answer to a complaint gets no marketing of that brand until there is one. A late order is told all the same.
select distinct
    customer_id,
    brand,
    'marketing' as message_type
from support_contacts
where
    topic = 'complaint'                               -- leaves out questions: who asks may be helped
    and (closed_at is null or closed_at > $now)       -- leaves out complaints that were settled
    and opened_at > $now - interval 90 days           -- leaves out what nobody closed, but nobody waits for any more
