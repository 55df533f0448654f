"""How long a text message is: its encoding, its units and the parts it is billed as."""

from __future__ import annotations

import re

import polars as pl

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The characters of GSM-7 that cost one unit. Source: 3GPP TS 23.038 §6.2.1; its escape is no character of a text."""

EXTENSION = "\f^{}\\[~]|€"
"""The characters of GSM-7 that cost two units, an escape and themselves. Source: 3GPP TS 23.038 §6.2.1.1."""

GSM_7, UCS_2 = "GSM-7", "UCS-2"

SINGLE = {GSM_7: 160, UCS_2: 70}
"""The units that a message of one part holds. Source: 3GPP TS 23.040 §9.2.3.16, 140 octets of 7 or 16 bits."""

PART = {GSM_7: 153, UCS_2: 67}
"""The units that a part of several holds: six octets go to the header that joins them. Source: TS 23.040 §9.2.3.24."""

SCHEMA = pl.Schema({"encoding": pl.String(), "units": pl.UInt32(), "segments": pl.UInt32()})

_NOT_GSM = f"[^{re.escape(BASIC + EXTENSION)}]"
_TWO_SEPTETS = f"[{re.escape(EXTENSION)}]"
_TWO_CODE_UNITS = r"[\x{10000}-\x{10FFFF}]"
_FIRST_UNIT = "\x1b"
_LAST_OF_ONE_CODE_UNIT = 0xFFFF


def measure(bodies: pl.Series) -> pl.DataFrame:
    """The length of each body, in the order given.

    One character outside GSM-7 turns the whole message into UCS-2. A two-unit character is never cut between two
    parts, so a part may stay one unit short. An empty body has no segment, a null one has no length.

    Args:
        bodies: the texts as they are sent, rendered.

    Returns:
        One row per body: `encoding` (`GSM-7` or `UCS-2`), `units` (septets or UTF-16 code units) and `segments`.
    """
    body = pl.col("body")
    is_gsm = ~body.str.contains(_NOT_GSM)
    wide = (
        pl.when("is_gsm").then(body.str.count_matches(_TWO_SEPTETS)).otherwise(body.str.count_matches(_TWO_CODE_UNITS))
    )
    single, part = (pl.when("is_gsm").then(room[GSM_7]).otherwise(room[UCS_2]) for room in (SINGLE, PART))
    units = pl.col("units")
    measured = (
        pl.DataFrame({"body": bodies.cast(pl.String)})
        .with_columns(is_gsm=is_gsm)
        .with_columns(
            encoding=pl.when("is_gsm").then(pl.lit(GSM_7)).when(~pl.col("is_gsm")).then(pl.lit(UCS_2)),
            wide=wide,
        )
        .with_columns(units=body.str.len_chars() + pl.col("wide"))
        .with_columns(segments=pl.when(units > single).then((units + part - 1) // part).otherwise(units > 0))
        .with_columns(is_cut=(units > single) & (pl.col("wide") > 0))
    )
    lengths = measured.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    if not measured["is_cut"].any():
        return lengths
    counted = _counted_exactly(measured.filter("is_cut").unique("body"))
    exact = measured.join(counted, on="body", how="left", maintain_order="left")["exact"]
    return lengths.with_columns(segments=pl.coalesce(exact, "segments"))


def ends(body: str, encoding: str, segments: int) -> list[int]:
    """Where in a body each of its parts ends, as a place among its characters.

    Args:
        body: the text as it is sent.
        encoding: as `measure` has it.
        segments: as `measure` has them.
    """
    if segments <= 1:
        return [len(body)]
    found, room = [], 0
    for place, character in enumerate(body):
        wide = character in EXTENSION if encoding == GSM_7 else ord(character) > _LAST_OF_ONE_CODE_UNIT
        if room < 1 + wide:
            found.append(place)
            room = PART[encoding]
        room -= 1 + wide
    return [*found[1:], len(body)]


def _counted_exactly(bodies: pl.DataFrame) -> pl.DataFrame:
    """The parts of long bodies with two-unit characters, filled one by one: only where the cuts fall tells."""
    body = pl.col("body").str.replace_all(_FIRST_UNIT, " ", literal=True)
    units = (
        pl.when(encoding=GSM_7)
        .then(body.str.replace_all(_TWO_SEPTETS, f"{_FIRST_UNIT}2"))
        .otherwise(body.str.replace_all(_TWO_CODE_UNITS, f"{_FIRST_UNIT}2"))
    )
    rows = bodies.select(units, "encoding").iter_rows()
    exact = [_parts(spelt_out, PART[encoding]) for spelt_out, encoding in rows]
    return bodies.select("body", exact=pl.Series(exact, dtype=pl.UInt32))


def _parts(units: str, room: int) -> int:
    """How many parts of `room` units there are when none ends on the first unit of two."""
    parts, start = 0, 0
    while start < len(units):
        end = start + room
        start = end - 1 if units[end - 1 : end] == _FIRST_UNIT else end
        parts += 1
    return parts
