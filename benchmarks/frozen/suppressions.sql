-- Addresses that must not be written to, whoever they belong to.
select
    channel,
    address,
    brand,
    reason,
    happened_at
from suppressions
