"""Addresses as they are sent to and as they are told apart: read by the libraries once per distinct value, and kept.

`normalise` reads any column of addresses, `normalised_customers` the ones of customers, `suppression_keys` the ones
that must not be written to, however badly they were noted down.
"""

from flows.addresses.identity import normalised_customers, own_forms, suppression_keys, told_forms
from flows.addresses.remembered import normalise
from flows.addresses.rules import FAULTS

__all__ = ["FAULTS", "normalise", "normalised_customers", "own_forms", "suppression_keys", "told_forms"]
