"""Microsoft Advertising, customer lists: a bulk file for each audience, with hashed e-mail addresses.

Source: learn.microsoft.com/advertising/bulk-service, records Customer List and Customer List Item, format 6.0: the items stand
under the record of their list, which says whether they are added or removed; a list is known by the Id that Microsoft gave it,
and a new one by a negative number. UTF-8 with a byte order mark, as the bingads package writes it. A list works from 300 people
on. The terms are accepted once, by a person in the web interface: a file does not accept them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from pydantic import Field

from flows.addresses import RULES, email_digest
from flows.channels import Csv, Target
from flows.channels.audiences import Lengths, described, members

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.channels import Creatives

_HEADER = ("Type", "Status", "Id", "Parent Id", "Scope", "Name", "Audience", "Action Type", "Sub Type", "Text")
_NEW = -1
_ADDED = "message_id"  # what is added comes with it, what is taken away with its identifiers only


class Microsoft(Lengths):
    """What a workspace may set of Microsoft's files.

    Attributes:
        lists: audience -> the Id of its list, once Microsoft has made it of the first file. Without it a file makes a new list.
    """

    lists: dict[str, int] = Field(default={})


def _lines(lists: dict[str, int]) -> Callable[[pl.DataFrame, Creatives], pl.DataFrame]:
    def lines(rows: pl.DataFrame, _: Creatives) -> pl.DataFrame:
        audience = rows["audience"][0]
        number = str(lists.get(audience, _NEW))
        head = [
            {"Type": "Format Version", "Name": "6.0"},
            {
                "Type": "Customer List",
                "Status": "Active",
                "Id": number,
                "Scope": "Customer",
                "Audience": audience,
                "Action Type": "Add" if _ADDED in rows.columns else "Remove",
            },
        ]
        kind = pl.Schema(dict.fromkeys(_HEADER, pl.String()))
        items = rows.select(
            pl.lit("Customer List Item").alias("Type"),
            pl.lit(number).alias("Parent Id"),
            pl.lit("Email").alias("Sub Type"),
            pl.col("email").alias("Text"),
        )
        return pl.concat([pl.DataFrame(head, kind), items], how="diagonal")

    return lines


def _made(options: Microsoft) -> Target:
    return Target(
        name="microsoft_customer_list",
        channel="ads",
        kind="state",
        file_format="csv",
        most_rows=1_000_000,  # no limit of Microsoft's: 120 MB, before it is packed for the way
        rows=members(email=email_digest(RULES["microsoft"], pl.col("address"))),
        lines=_lines(options.lists),
        lines_per_file=True,
        beside=described,
        identity=("audience", "email"),
        audience="audience",
        file_per="audience",
        smallest=300,
        csv=Csv(has_bom=True, line_end="\r\n"),
        options=Microsoft,
        made=_made,
    )


TARGET = _made(Microsoft())
