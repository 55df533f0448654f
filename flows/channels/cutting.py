"""What of a batch is too long for its platform, and where files are cut so that each is within the platform's caps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.channels import Creatives, Target


def too_long(rows: pl.DataFrame, creatives: Creatives, target: Target) -> pl.Series:
    """Of rows as `shaped` made them, the `message_id` of those whose message its platform would refuse or cut.

    It is longer than the target's limit, or its row would by itself be more than a file may hold.
    """
    is_long = pl.repeat(value=False, n=rows.height, eager=True)
    if target.limit is not None:
        is_long |= target.limit.sizes(rows, creatives) > target.limit.most
    if target.most_bytes is not None:
        lines = target.lines(rows, creatives) if target.lines else rows
        if _surely_at_most(lines, target) > target.most_bytes:
            is_long |= _sizes(lines, target) > _room(lines, target, target.most_bytes)
    return rows["message_id"].filter(is_long)


def refuse_longer(rows: pl.DataFrame, creatives: Creatives, target: Target) -> None:
    """Refuse what the plan has not left out: the copy of a seed, made of an example.

    Raises:
        TemplateError: naming the target and its limit, never what is in the message.
    """
    if target.limit is not None:
        _refuse(target.limit.sizes(rows, creatives), target.limit.most, target.limit.unit, target)


def cut(rows: pl.DataFrame, target: Target, creatives: Creatives) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
    """Rows in as few pieces, in their order, as the platform's caps allow; with their lines where bytes are capped.

    Raises:
        TemplateError: a single row is more than a file may hold.
    """
    if target.most_bytes is None:
        yield from ((part, None) for part in rows.iter_slices(target.most_rows))
        return
    lines = target.lines(rows, creatives) if target.lines else rows
    if _surely_at_most(lines, target) <= target.most_bytes:
        yield from zip(rows.iter_slices(target.most_rows), lines.iter_slices(target.most_rows), strict=True)
        return
    sizes, room = _sizes(lines, target), _room(lines, target, target.most_bytes)
    _refuse(sizes, room, "bytes in its row", target)
    ends, start = sizes.cum_sum(), 0
    while start < rows.height:
        before = ends[start - 1] if start else 0
        end = min(int(ends.search_sorted(before + room, side="right")), start + target.most_rows)
        yield rows.slice(start, end - start), lines.slice(start, end - start)
        start = end


def _surely_at_most(lines: pl.DataFrame, target: Target) -> float:
    """More bytes than any file of these lines has: each letter escaped, each value with its name and marks around it."""
    names = sum(len(name.encode()) for name in lines.columns)
    escaped = 2 if target.file_format == "csv" else 6
    return escaped * lines.estimated_size() + (lines.height + 1) * (names + 32 * lines.width)


def _sizes(lines: pl.DataFrame, target: Target) -> pl.Series:
    """How many bytes each line takes at most."""
    if target.file_format == "ndjson":
        return lines.select(pl.struct(pl.all()).struct.json_encode().str.len_bytes() + 1).to_series()
    texts = pl.all().cast(pl.String).fill_null("")
    quoted = texts.str.len_bytes() + texts.str.count_matches('"', literal=True) + len('"",')
    return lines.select(pl.sum_horizontal(quoted) + 1).to_series()


def _room(lines: pl.DataFrame, target: Target, most_bytes: int) -> int:
    """The bytes that the rows of a file may have: less what a CSV file has before them, with every name in quotes."""
    if target.file_format != "csv":
        return most_bytes
    csv = target.csv
    head = (
        "\ufeff" * csv.has_bom + csv.preamble + csv.separator.join(f'"{name}"' for name in lines.columns) + csv.line_end
    )
    return most_bytes - len(head.encode())


def _refuse(sizes: pl.Series, most: int, unit: str, target: Target) -> None:
    longest = sizes.max()
    if isinstance(longest, int) and longest > most:
        what = f"a message has {longest} {unit}, and {target.name} takes {most}"
        raise TemplateError(f"{target.channel}.j2", what, "shorten the words, or the examples that seeds are shown")
