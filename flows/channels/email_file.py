"""E-mail for a tool that merges by itself: recipients with their slots as CSV, creatives beside them as NDJSON.

The tool fills `{{{s1}}}` with the recipient's column `s1`; slots are escaped already for where they stand.
"""

from __future__ import annotations

from flows.channels import Target
from flows.channels.recipients import recipients
from flows.words import GENERIC

TARGET = Target(
    name="email_file",
    channel="email",
    kind="message",
    file_format="csv",
    most_rows=1_000_000,  # no platform's limit: what spreadsheet-bred importers still open
    merge=GENERIC,
    rows=recipients,
)
