"""What of a batch is too long for its platform, and where files are cut so that each is within the platform's caps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from flows.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterator

    Piece = tuple[int, pl.DataFrame, pl.DataFrame | None]

    from flows.channels import Creatives, Target


def too_long(rows: pl.DataFrame, creatives: Creatives, target: Target) -> pl.Series:
    """Of rows as `shaped` made them, the `message_id` of those whose message its platform would refuse or cut.

    It is longer than the target's limit, or its row would by itself be more than a file may hold.
    """
    is_long = pl.repeat(value=False, n=rows.height, eager=True)
    if target.limit is not None:
        is_long |= target.limit.sizes(rows, creatives) > target.limit.most
    if target.most_bytes is not None:
        lines = written(rows, creatives, target)
        room = _room(lines, target, target.most_bytes)
        if not _fit(lines, target, room):
            is_long |= _sizes(lines, target) > room
    return rows["message_id"].filter(is_long)


def refuse_longer(rows: pl.DataFrame, creatives: Creatives, target: Target) -> None:
    """Refuse what the plan has not left out: the copy of a seed, made of an example.

    Raises:
        TemplateError: naming the target and its limit, never what is in the message.
    """
    if target.limit is not None:
        _refuse(target.limit.sizes(rows, creatives), target.limit.most, target.limit.unit, target)


def cut(rows: pl.DataFrame, target: Target, creatives: Creatives) -> Iterator[tuple[pl.DataFrame, pl.DataFrame | None]]:
    """Rows in as few pieces, in their order, as the platform's caps allow; with their lines unless those are made for each file.

    Raises:
        TemplateError: a single row is more than a file may hold.
    """
    if target.lines_per_file:
        yield from ((part, None) for part in rows.iter_slices(target.most_rows))
        return
    lines = written(rows, creatives, target)
    room = None if target.most_bytes is None else _room(lines, target, target.most_bytes)
    if room is None or _fit(lines, target, room):
        yield from zip(rows.iter_slices(target.most_rows), lines.iter_slices(target.most_rows), strict=True)
        return
    sizes = _sizes(lines, target)
    _refuse(sizes, room, "bytes in its row", target)
    ends, start = sizes.cum_sum(), 0
    while start < rows.height:
        before = ends[start - 1] if start else 0
        end = min(int(ends.search_sorted(before + room, side="right")), start + target.most_rows)
        yield rows.slice(start, end - start), lines.slice(start, end - start)
        start = end


class Cutter:
    """Cuts rows that come in several pieces where they would be cut if they came in one."""

    def __init__(self, target: Target, creatives: Creatives) -> None:
        """For files of a target, with the creatives of the rows by id."""
        self._target, self._creatives = target, creatives
        self._number, self._taken = 1, 0
        self._waiting: list[tuple[pl.DataFrame, pl.DataFrame | None]] = []
        """The rows of the last file, where it cannot be written before it is known to be whole."""

    def cut(self, rows: pl.DataFrame) -> Iterator[Piece]:
        """The number of the file of each piece, its rows, and their lines unless those are made for each file.

        Raises:
            TemplateError: as `cut`.
        """
        if self._is_written_as_it_comes:
            yield from self._filled_up(rows)
            return
        rows = pl.concat([*(waiting for waiting, _ in self._waiting), rows])
        *whole, last = cut(rows, self._target, self._creatives)
        self._waiting = [last]
        for part in whole:
            yield self._number, *part
            self._number += 1

    def rest(self) -> Iterator[Piece]:
        """What has waited for more."""
        yield from ((self._number, *part) for part in self._waiting)

    @property
    def _is_written_as_it_comes(self) -> bool:
        """Whether lines can be put behind those that are in a file, and nothing but their number says where it ends."""
        to = self._target
        is_plain = to.file_format in ("csv", "ndjson") and to.certificate is None
        return is_plain and to.most_bytes is None and not to.lines_per_file

    def _filled_up(self, rows: pl.DataFrame) -> Iterator[Piece]:
        lines, start = written(rows, self._creatives, self._target), 0
        while start < rows.height:
            if self._taken == self._target.most_rows:
                self._number, self._taken = self._number + 1, 0
            count = min(self._target.most_rows - self._taken, rows.height - start)
            yield self._number, rows.slice(start, count), lines.slice(start, count)
            start, self._taken = start + count, self._taken + count


def written(rows: pl.DataFrame, creatives: Creatives, target: Target) -> pl.DataFrame:
    """What is written of rows."""
    return target.lines(rows, creatives) if target.lines else rows


def _fit(lines: pl.DataFrame, target: Target, room: int) -> bool:
    """Whether lines take no more bytes even if all their letters were quotes, which need not be counted then."""
    if target.file_format != "csv":
        return int(_sizes(lines, target).sum()) <= room
    letters: int = sum(lines.select(pl.all().cast(pl.String).str.len_bytes().cast(pl.UInt64).sum()).row(0))
    return 2 * letters + lines.height * (len('"",') * lines.width + 1) <= room


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
