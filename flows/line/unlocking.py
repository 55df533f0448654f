"""Which one missing capability would reach how many people more: it is given to them, and all is weighed and decided again.

Nothing of it is kept. Somebody who wants for two things is counted under neither; of whom either of two would do, under both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.channels import CHANNELS
from flows.line.deciding import best_of
from flows.schemas import INSTANT, is_taken
from flows.stages.decision import NARROW
from flows.stages.next_best import UNIT
from flows.wording import WordsKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flows.keys import Key
    from flows.line.deciding import Decided, Weighing
    from flows.line.sources import Source
    from flows.product import Product
    from flows.warehouse.scope import Scope
    from flows.workspace import Workspace

Kind = Literal["channel", "consent", "address", "dimension", "permission", "source", "language"]
GAINED = pl.Schema(
    {
        **dict.fromkeys(("kind", "what", "brand", "product"), pl.String()),
        "people": pl.Int64(),
        "asked": pl.Int64(),
    }
)
"""How many people a capability would bring a product; of a consent, how many of them were asked, and have not answered."""
_OWN = ("customer_id", "brand", "subject_id", "product", "message_type", "subject_key", "valid_until")
"""What candidates have before they are weighed, beside fields, signals and since when dimensions are known."""
_TAKERS = ("SUPPRESSED", "NO_CONSENT", "BAD_ADDRESS", "UNREACHABLE", "CAPPED")
"""Who has no open channel may have one more; who is erased or excluded may not."""


@dataclass(frozen=True)
class Capability:
    """One thing that is not there.

    Attributes:
        kind: of what kind.
        what: which one: `sms`; `email, shopping_help`; a segment; a language.
        concerns: whether it could open a product to anybody.
        lacks: which of a product's candidates could want for it.
        given: what they are weighed by once it is there, and as candidates of which product.
    """

    kind: Kind
    what: str
    concerns: Callable[[Product], bool]
    lacks: Callable[[Product], pl.Expr]
    given: Callable[[Weighing, Product], tuple[Weighing, Product]]


def unlocked(source: Source, scope: Scope, made: Decided, key: Key) -> pl.DataFrame:
    """What each capability alone would bring the live products of marketing, of people whom no help of theirs can reach now.

    Args:
        source: the warehouse, the workspace and the moment.
        scope: the customers that were decided for.
        made: what was decided for them.
        key: for identifiers.

    Returns:
        `GAINED`: each person, of each brand, under the product that would be decided on; who would be held out is counted, too.
    """
    live = source.workspace.live(source.moment.as_of)
    left = _left(made)
    if left.is_empty():
        return GAINED.to_frame()
    rows = {name: frame.join(left, on=UNIT, how="semi") for name, frame in made.candidates.items()}
    bars, mine = made.bars, left.select("customer_id").unique()
    bars = replace(
        bars,
        people=bars.people.join(mine, on="customer_id", how="semi"),
        consent=bars.consent.join(mine, on="customer_id", how="semi"),
    )
    weighing = replace(made.weighing, bars=bars)
    found = [GAINED.to_frame()]
    marketing = [product for product in live if product.message_type == "marketing"]
    for capability in _capabilities(source.workspace, marketing, rows):
        again = _given(capability, live, rows, weighing)  # what opens a help of service, too, silences marketing
        if again is not None:
            _, decided, _ = best_of(source, scope, again, made.weighing.past.history, key)
            found.append(_gained(capability, decided, weighing))
    return pl.concat(found)


def _left(made: Decided) -> pl.DataFrame:
    """`UNIT` of marketing for whom nothing is open. Where something is, they want for nothing, whatever became of it."""
    marketing = made.decisions.filter(pl.col("message_type") == "marketing")
    is_open = pl.col("reason").is_null() | pl.col("reason").is_in(["HOLDOUT", "OUTRANKED"])
    served = [marketing.filter(is_open).select(UNIT)]
    served += [] if made.choices is None else [made.choices.select(UNIT)]
    return marketing.select(UNIT).unique().join(pl.concat(served), on=UNIT, how="anti")


def _given(
    capability: Capability, live: Sequence[Product], rows: Mapping[str, pl.DataFrame], weighing: Weighing
) -> dict[str, pl.DataFrame] | None:
    """The candidates of all products, those who lack a capability as if they had it; None where nobody could."""
    again = {}
    for product in live:
        mine = rows[product.name]
        if mine.is_empty() or not capability.concerns(product):
            continue
        is_lacking = capability.lacks(product).fill_null(value=False)
        about = mine.filter(is_lacking).select(name for name in mine.columns if name in _OWN or not is_taken(name))
        if about.is_empty():
            continue
        if capability.kind == "source":  # what is known just now is true for as long as the product says
            ends_at = weighing.moment.starts_at + product.when.valid_for
            about = about.with_columns(valid_until=pl.lit(ends_at, dtype=INSTANT))
        by, as_product = capability.given(weighing, product)
        others = mine.filter(~is_lacking).select(NARROW)
        again[product.name] = pl.concat([others, by.of(about, as_product).select(NARROW)])
    return {**rows, **again} if again else None


def _gained(capability: Capability, decided: pl.DataFrame, weighing: Weighing) -> pl.DataFrame:
    is_won = pl.col("reason").is_null() | (pl.col("reason") == "HOLDOUT")
    won = decided.filter(is_won, pl.col("message_type") == "marketing")
    asked = won.join(_asked(capability, weighing), on=UNIT, how="left")
    counts = asked.group_by("brand", "product").agg(people=pl.len(), asked=pl.col("is_asked").sum())
    named = counts.with_columns(kind=pl.lit(capability.kind), what=pl.lit(capability.what))
    return named.select(GAINED.names()).cast(GAINED)


def _asked(capability: Capability, weighing: Weighing) -> pl.DataFrame:
    """`UNIT` and `is_asked`, of whom a yes is awaited, or has run out; nobody where the capability is no consent."""
    channel, _, topic = capability.what.partition(", ")
    said = weighing.bars.said(channel, topic) if capability.kind == "consent" else []
    waiting = [scope.filter(pl.col("state") == "neither").select(UNIT) for scope in said]
    nobody = weighing.bars.people.select(UNIT).clear()
    return pl.concat([nobody, *waiting]).unique().with_columns(is_asked=pl.lit(True))  # noqa: FBT003


def carriers(product: Product) -> Sequence[str]:
    """The channels of which one has to be open for somebody to be told anything of a product."""
    return product.channels.first_of or product.channels.also


def _capabilities(
    workspace: Workspace, live: Sequence[Product], rows: Mapping[str, pl.DataFrame]
) -> Iterator[Capability]:
    """What could be missing, where anybody wants for anything of the kind."""
    used = sorted({name for product in live for name in carriers(product)})
    for name in (name for name, channel in CHANNELS.items() if channel.sends):
        yield Capability("channel", name, _without(name, workspace), _lacks_channel(name, workspace), _channel(name))
    topics = sorted({product.topic for product in live})
    for name, topic in ((name, topic) for name in used for topic in topics):
        yield Capability(
            "consent", f"{name}, {topic}", _about(name, topic), _barred(name, "NO_CONSENT"), _yes(name, topic)
        )
    for address in sorted({CHANNELS[name].address for name in used} - {"customer_id"}):
        yield Capability("address", address, _by(address), _unaddressed(address), _addressed(address))
    for segment in sorted({product.segment for product in live}):
        yield Capability("source", segment, _of(segment), _because("STALE_CONTEXT"), _as_it_is)
    for language in _languages(workspace, list(rows.values())):
        yield Capability("language", language, lambda _: True, _speaking(language, workspace), _spoken)


def _languages(workspace: Workspace, frames: Sequence[pl.DataFrame]) -> list[str]:
    """Those of people to whom a help does not speak."""
    is_strange = pl.col("reason") == "LOCALE_MISMATCH"
    found = [
        frame.filter(is_strange).select(_language(workspace)).to_series() for frame in frames if not frame.is_empty()
    ]
    return pl.concat(found).unique().sort().to_list() if found else []


def _language(workspace: Workspace) -> pl.Expr:
    return pl.col("locale").fill_null(workspace.settings.locale).str.split("-").list.first()


def _because(reason: str) -> Callable[[Product], pl.Expr]:
    return lambda _: pl.col("reason") == reason


def _as_it_is(weighing: Weighing, product: Product) -> tuple[Weighing, Product]:
    return weighing, product


def _about(channel: str, topic: str) -> Callable[[Product], bool]:
    return lambda product: product.topic == topic and channel in carriers(product)


def _of(segment: str) -> Callable[[Product], bool]:
    return lambda product: product.segment == segment


def _barred(channel: str, reason: str) -> Callable[[Product], pl.Expr]:
    return lambda _: pl.col(f"{channel}_reason") == reason


def _without(channel: str, workspace: Workspace) -> Callable[[Product], bool]:
    """Whether a product has not a channel, or a brand of it has no target for it."""
    targets = workspace.settings.targets

    def lacks(product: Product) -> bool:
        has_targets = all(channel in targets.get(brand, {}) for brand in product.brands)
        return channel not in product.channels.all or (channel in carriers(product) and not has_targets)

    return lacks


def _lacks_channel(channel: str, workspace: Workspace) -> Callable[[Product], pl.Expr]:
    served = [brand for brand, ways in workspace.settings.targets.items() if channel in ways]

    def lacks(product: Product) -> pl.Expr:
        is_new = pl.lit(channel not in product.channels.all) | ~pl.col("brand").is_in(served)
        return is_new & pl.col("reason").is_in(_TAKERS)

    return lacks


def _channel(channel: str) -> Callable[[Weighing, Product], tuple[Weighing, Product]]:
    """A target for it in every brand, and words for it in the product, behind the channels that it has."""

    def given(weighing: Weighing, product: Product) -> tuple[Weighing, Product]:
        settings = weighing.workspace.settings
        targets = {brand: {channel: channel, **settings.targets.get(brand, {})} for brand in settings.brands}
        workspace = replace(weighing.workspace, settings=settings.model_copy(update={"targets": targets}))
        lane = "first_of" if product.channels.first_of else "also"
        names = list(dict.fromkeys([*carriers(product), channel]))
        channels = product.channels.model_copy(update={lane: names})
        return replace(weighing, workspace=workspace), product.model_copy(update={"channels": channels})

    return given


def _yes(channel: str, topic: str) -> Callable[[Weighing, Product], tuple[Weighing, Product]]:
    """A yes of everybody who has not said no to just that; a no to more than that stays one."""

    def given(weighing: Weighing, product: Product) -> tuple[Weighing, Product]:
        said = weighing.bars.consent
        is_it = (pl.col("channel") == channel) & (pl.col("topic") == topic.lower())
        kept = said.filter((~is_it | (pl.col("state") == "no")).fill_null(value=True))
        yes = weighing.bars.people.select(UNIT).join(kept.filter(is_it), on=UNIT, how="anti")
        scope = {"channel": channel, "topic": topic.lower(), "state": "yes", "event_id": "assessed"}
        yes = yes.with_columns(pl.lit(value).alias(name) for name, value in scope.items())
        consent = pl.concat([kept, yes.select(kept.columns)])
        return replace(weighing, bars=replace(weighing.bars, consent=consent)), product

    return given


def _by(address: str) -> Callable[[Product], bool]:
    return lambda product: any(CHANNELS[name].address == address for name in carriers(product))


def _unaddressed(address: str) -> Callable[[Product], pl.Expr]:
    """Whom only an address keeps from a channel: consent is looked at before."""
    return lambda product: pl.any_horizontal(
        pl.col(f"{name}_reason").is_in(["UNREACHABLE", "BAD_ADDRESS"])
        for name in carriers(product)
        if CHANNELS[name].address == address
    )


def _addressed(address: str) -> Callable[[Weighing, Product], tuple[Weighing, Product]]:
    """An address of their own for everybody who has no good one."""

    def given(weighing: Weighing, product: Product) -> tuple[Weighing, Product]:
        people, fault = weighing.bars.people, f"{address}_fault"
        lacks = (pl.col(fault) if fault in people.columns else pl.when(pl.col(address).is_null()).then(1)).is_not_null()
        own = pl.format("assessed {}", "customer_id")
        columns = [name for name in (address, f"{address}_match") if name in people.columns]
        changed = [pl.when(lacks).then(own).otherwise(name).alias(name) for name in columns]
        faults = [pl.lit(None, pl.String).alias(fault)] if fault in people.columns else []
        bars = replace(weighing.bars, people=people.with_columns(*changed, *faults))
        return replace(weighing, bars=bars), product

    return given


def _speaking(language: str, workspace: Workspace) -> Callable[[Product], pl.Expr]:
    return lambda _: (pl.col("reason") == "LOCALE_MISMATCH") & (_language(workspace) == language)


def _spoken(weighing: Weighing, product: Product) -> tuple[Weighing, Product]:
    """Words in every language, live and signed."""
    words = weighing.workspace.words[product.name]
    spoken = {WordsKey(key.channel, key.variant, None): held for key, held in words.items()}
    workspace = replace(
        weighing.workspace, words={**weighing.workspace.words, product.name: spoken | dict(words)}, unsigned={}
    )
    return replace(weighing, workspace=workspace), product.model_copy(update={"locales": {}})
