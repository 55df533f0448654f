"""Addresses as they are sent to and as they are told apart: read by the libraries once per distinct value, and kept.

`normalise` reads any column of addresses, `normalised_customers` the ones of customers, `suppression_keys` the ones
that must not be written to, however badly they were noted down; `email_digest` and `phone_digest` make what ad platforms compare.
"""

from flows.addresses.identity import normalised_customers, own_forms, suppression_keys, told_forms
from flows.addresses.matching import RULES, email_digest, phone_digest, sha256, trimmed
from flows.addresses.remembered import normalise
from flows.addresses.rules import FAULTS

__all__ = [
    "FAULTS",
    "RULES",
    "email_digest",
    "normalise",
    "normalised_customers",
    "own_forms",
    "phone_digest",
    "sha256",
    "suppression_keys",
    "told_forms",
    "trimmed",
]
