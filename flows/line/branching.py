"""The wordings that somebody has to keep, and how many people read each of them: a waterfall per file, and the sides below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.counts import Waterfall
from flows.reasons import BARRED
from flows.stages.arm import armed
from flows.stages.exposure import spared
from flows.stages.guard import guarded
from flows.stages.routing import routed
from flows.wording import fitting, placed
from flows.words import conditions, ways

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from flows.line.deciding import Decided
    from flows.product import Product
    from flows.wording import WordsKey
    from flows.workspace import Workspace

ANOTHER_WAY = "another way"
"""Where people went who get the same help by another channel, or in another variant's words."""
ALMOST_NOBODY = 0.01
"""Of a product's people: a wording that fewer of them read is an edge case."""
WENT = pl.Schema({**dict.fromkeys(("product", "channel", "locale", "file", "reason"), pl.String()), "rows": pl.Int64()})
"""Where the candidates of a product went, by channel and language: read a file, or why not."""
WANTED = pl.Schema({**dict.fromkeys(("product", "brand", "dimension", "why"), pl.String()), "people": pl.Int64()})
"""People (of service each with what it is about) who are told something, and would be told more, were a dimension there, fresh or
permitted (`why` it is not): what their words would use."""
TOOK = pl.Schema({"product": pl.String(), "file": pl.String(), "way": pl.List(pl.String), "rows": pl.Int64()})
"""Which way readers of a file took through its conditions."""


@dataclass(frozen=True)
class Side:
    """One side of a condition: what it says there is read by so many.

    Attributes:
        asks: the condition, much as the template has it.
        holds: whether this is the side on which it holds.
        people: who reads it.
        is_edge: whether they are almost nobody.
    """

    asks: str
    holds: bool
    people: int
    is_edge: bool


@dataclass(frozen=True)
class File:
    """A template file: what it says is read by so many.

    Attributes:
        file: its name in the workspace.
        channel, variant, locale: whom it is for; None: all variants, all other languages.
        fall: where the product's people of that language went; `passed` read it.
        lately: who was sent just these words in the last thirty days.
        is_edge: whether its readers are almost nobody.
        sides: of its conditions, two each.
    """

    file: str
    channel: str
    variant: str | None
    locale: str | None
    fall: Waterfall
    lately: int
    is_edge: bool
    sides: tuple[Side, ...]

    @property
    def branches(self) -> int:
        """How many wordings of it somebody has to keep: its sides; itself, where it has none."""
        return len(self.sides) or 1

    @property
    def edges(self) -> int:
        """How many of them almost nobody reads."""
        return sum(side.is_edge for side in self.sides) if self.sides else int(self.is_edge)


def known(made: Decided, product: Product, workspace: Workspace) -> pl.DataFrame:
    """Candidates of a product who may be spoken to, with what is known of them, as `guard.guarded` has it."""
    is_open = pl.col("reason").is_null() | ~pl.col("reason").is_in(BARRED)
    mine = made.decisions.filter(pl.col("product") == product.name, is_open)
    fields, moment = workspace.fields(product), made.weighing.moment
    about = made.candidates[product.name]
    return guarded(mine, about, product, fields, workspace.catalogue, made.bars.consent, moment)


def read(
    made: Decided,
    facts: pl.DataFrame,
    product: Product,
    workspace: Workspace,
    targeted: Collection[str],
    lately: pl.DataFrame,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Which wordings people of a product would be told today, before budgets and crowds are looked at over everybody.

    Args:
        made: what was decided.
        facts: of this product, as `known` yields them.
        product: which.
        workspace: gives words and settings.
        targeted: the dimensions that decide who is in its segment.
        lately: `ledger.exposure.LATELY`.

    Returns:
        `WENT`, `TOOK` and `WANTED`.
    """
    settings, fields, words = workspace.settings, workspace.fields(product), workspace.words[product.name]
    drawn = workspace.as_drawn(product)
    won = armed(facts.filter(pl.col("reason").is_null()), drawn, fields, settings.name)
    won = spared(won, lately, drawn, fields, settings.exposure)
    spoken = won.filter(pl.col("reason").is_null())
    lanes = routed(spoken, drawn, settings, fields, targeted)
    # Of a channel with a budget those that would do instead stand behind it: which it is, is found over everybody.
    lanes = lanes.unique(["decision_id", "lane"], keep="first", maintain_order=True)
    files, places = placed(lanes, words)
    lanes = lanes.with_columns(places.alias("_file"))
    key = ["customer_id", "brand", "subject_id"]
    spent = won.filter(pl.col("reason").is_not_null()).select(*key, _spent="reason")
    base = made.candidates[product.name].select(*key, "locale")
    decided = made.decisions.filter(pl.col("product") == product.name).select(*key, "decision_id", _why="reason")
    for joined in (decided, spent):
        base = base.join(joined, on=key, how="left", nulls_equal=True)
    went = [WENT.to_frame()]
    for channel in product.channels.all:
        mine = lanes.filter(pl.col("channel") == channel).select(
            "decision_id", "_file", _barred="reason", _is_mine=True
        )
        rows = base.join(mine, on="decision_id", how="left").with_columns(_language(product, words, channel, base))
        reason = pl.coalesce(
            "_why", "_spent", "_barred", pl.when(pl.col("_is_mine").is_null()).then(pl.lit(ANOTHER_WAY))
        )
        names = {place: each.file for place, each in enumerate(files)}
        file = pl.when(reason.is_null()).then(
            pl.col("_file").replace_strict(names, return_dtype=pl.String, default=None)
        )
        counts = rows.group_by("_language", reason=reason, file=file).agg(rows=pl.len())
        about = {"product": pl.lit(product.name), "channel": pl.lit(channel), "locale": pl.col("_language")}
        went.append(counts.with_columns(**about).select(WENT.names()).cast(WENT))
    open_lanes = lanes.filter(pl.col("reason").is_null())
    took = [TOOK.to_frame()]
    for place, each in enumerate(files):
        found = ways(words[each], open_lanes.filter(pl.col("_file") == place))
        taken = [(product.name, each.file, list(way), count) for way, count in found.items()]
        took.append(pl.DataFrame(taken, TOOK, orient="row"))
    uses = [(place, name) for place, each in enumerate(files) for name in workspace.usages(product)[each].used]
    return pl.concat(went), pl.concat(took), _wanted(product, spoken, open_lanes, uses)


def _wanted(
    product: Product, spoken: pl.DataFrame, lanes: pl.DataFrame, uses: Collection[tuple[int, str]]
) -> pl.DataFrame:
    """`WANTED`: of whom the words that reach them `uses` a dimension, by the place of their file, and it cannot be used."""
    using = pl.DataFrame(list(uses), {"_file": pl.UInt32, "dimension": pl.String}, orient="row")
    could = lanes.select("decision_id", "_file").join(using, on="_file").select("decision_id", "dimension").unique()
    missed = spoken.select("decision_id", "brand", "missed").explode("missed").drop_nulls("missed")
    missed = missed.unnest("missed").join(could, on=["decision_id", "dimension"], how="semi")
    counts = (
        missed.group_by("brand", "dimension", "why").agg(people=pl.len()).with_columns(product=pl.lit(product.name))
    )
    return counts.select(WANTED.names()).cast(WANTED)


def _language(product: Product, words: Mapping[WordsKey, object], channel: str, rows: pl.DataFrame) -> pl.Expr:
    """The locale of the words that speak to each row's person by a channel; '-' for the default one."""
    variant = next(iter(product.test.variants), None)
    found = {}
    for locale in rows["locale"].unique():
        fits = fitting(words.keys(), channel, variant, locale)
        found[locale or ""] = (fits.locale or "-") if fits else None
    return pl.col("locale").fill_null("").replace_strict(found, return_dtype=pl.String).alias("_language")


def files_of(
    product: Product, workspace: Workspace, went: pl.DataFrame, took: pl.DataFrame, told: int, lately: Mapping[str, int]
) -> Iterator[File]:
    """The files of a product, by name, with what their readers came to.

    Args:
        product: which.
        workspace: gives its words.
        went: `WENT` of all parts together.
        took: `TOOK` of all parts together.
        told: people who are told anything of the product.
        lately: SHA-256 of words -> people who were sent them in the last thirty days.
    """

    def is_edge(people: int) -> bool:
        return people < ALMOST_NOBODY * told  # of whom nobody is told, nothing can be said

    for key, words in sorted(workspace.words[product.name].items(), key=lambda each: each[0].file):
        mine = went.filter(product=product.name, channel=key.channel, locale=key.locale or "-")
        base = int(mine["rows"].sum())
        passed = int(mine.filter(file=key.file)["rows"].sum())
        reasons = dict(
            mine.drop_nulls("reason").group_by("reason").agg(pl.col("rows").sum()).sort("rows", "reason").iter_rows()
        )
        elsewhere = base - passed - sum(reasons.values())  # the words of another variant
        if elsewhere:
            reasons[ANOTHER_WAY] = reasons.get(ANOTHER_WAY, 0) + elsewhere
        taken = {
            tuple(way): count
            for way, count in took.filter(product=product.name, file=key.file).select("way", "rows").iter_rows()
        }
        sides = tuple(
            Side(condition.asks, holds, people, is_edge(people))
            for condition in conditions(words)
            for holds, people in condition.sides(taken).items()
        )
        yield File(
            f"templates/{product.name}/{key.file}",
            key.channel,
            key.variant,
            key.locale,
            Waterfall(base=base, passed=passed, reasons=reasons),
            lately.get(words.digest, 0),
            is_edge(passed),
            sides,
        )
