"""What people would read of a product: the words of each situation, or one customer's, as the delivery would fill them in."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import CHANNELS
from flows.errors import UsageError, nearest
from flows.facts import highest_level
from flows.keys import Key
from flows.line.explaining import Explanation, explain
from flows.line.planned import read_creatives, scan_deliveries
from flows.line.situations import situations
from flows.links import of_recipients
from flows.locales import spelt
from flows.plan import plan_folder
from flows.schemas import ROUTED
from flows.sms_length import measure
from flows.stages.message import worded
from flows.wording import fitting
from flows.words import is_spoken, is_words_slot, pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flows.product import Product
    from flows.wording import WordsKey
    from flows.workspace import Workspace

NOBODY = Key("preview", "nobody")
"""Under which examples get the ids that a message has; they are not shown."""


@dataclass(frozen=True)
class Asked:
    """Which messages to show: empty is all; without a brand the product's first one speaks."""

    channels: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    brand: str | None = None


@dataclass(frozen=True)
class Said:
    """A text, and where in it values of the customer stand: start and end of each, and the facts that it shows."""

    text: str
    values: tuple[tuple[int, int], ...]
    dimensions: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Message:
    """A message as somebody would get it.

    Attributes:
        channel, target, brand, country: the way, and who speaks; no target where the brand has none for the channel.
        variants: those that say so; empty without a test.
        locale: the language of the words.
        subject_id: what it is about, for a customer.
        facts: the sets of facts with which it reads so.
        parts: the channel's parts, wrapped in the brand's layout.
        sender_name, sender_email, reply_to, sms_sender: the brand's.
        action_label, action_url: where it leads.
        encoding, units, segments: the length of a text message.
    """

    channel: str
    target: str | None
    brand: str
    country: str
    variants: tuple[str, ...]
    locale: str
    subject_id: str | None
    facts: tuple[tuple[str, ...], ...]
    parts: Mapping[str, Said]
    sender_name: str
    sender_email: str
    reply_to: str
    sms_sender: str
    action_label: str
    action_url: str
    encoding: str | None = None
    units: int | None = None
    segments: int | None = None


@dataclass(frozen=True)
class Preview:
    """The messages of a product.

    Attributes:
        product, need, status: the help.
        brands: all that speak for it.
        segment: the segment whose examples stand for customers.
        phrases: dimension of the product, in its order -> what completes "they know …".
        messages: what is said.
        explanation: what became of the product for the customer that was asked for, and why.
    """

    product: str
    need: str
    status: str
    brands: tuple[str, ...]
    segment: str
    phrases: Mapping[str, str]
    messages: tuple[Message, ...]
    explanation: Explanation | None = None


def preview(workspace: Workspace, name: str, asked: Asked = Asked()) -> Preview:
    """The words of each channel, variant, locale and set of facts, with the segment's examples: no customer is needed.

    Args:
        workspace: gives words, layouts and examples.
        name: of the product.
        asked: narrows it.

    Raises:
        UsageError: there is no such product, or it has no such channel, locale, variant or brand.
        TemplateError: some wording cannot be rendered.
    """
    product = _product(workspace, name)
    _check(asked, product)
    files = _files(workspace, product, asked)
    examples = list(_examples(workspace, product, asked.brand or product.brands[0], files))
    frame = pl.DataFrame([row for _, row in examples], schema_overrides=ROUTED, infer_schema_length=None)
    made = worded(frame, product, workspace, NOBODY)
    in_order = made.rows.sort(pl.col("decision_id").cast(pl.UInt32)).to_dicts()
    messages = [
        message_of(
            workspace, {**row, **_addresses(workspace, product, row)}, made.creatives[row["creative_id"]], files[key]
        )
        for row, (key, _) in zip(in_order, examples, strict=True)
    ]
    return _preview(workspace, product, _alike(messages))


def previews(workspace: Workspace, name: str, asked: Asked = Asked()) -> list[Preview]:
    """As `preview`, of each brand that speaks for the product, unless one is asked for. Raises as `preview`."""
    brands = [asked.brand] if asked.brand else _product(workspace, name).brands
    return [preview(workspace, name, replace(asked, brand=brand)) for brand in brands]


def example(workspace: Workspace, name: str, asked: Asked) -> dict[str, Any]:
    """A delivery of the first words that are asked for, with an example of all that they may show, as routing hands it on.

    Raises:
        UsageError: as `preview`.
    """
    product = _product(workspace, name)
    _check(asked, product)
    key, variants = next(iter(_files(workspace, product, asked).items()))
    most = highest_level(product, product.because)
    rows = (row for _, row in _examples(workspace, product, asked.brand or product.brands[0], [key]))
    fullest = max(
        (row for row in rows if {*row["facts"]} <= {*product.dimensions[:most]}), key=lambda r: len(r["facts"])
    )
    return {**fullest, "variant": next(iter(variants), None), "level": most}


def preview_for(workspace: Workspace, name: str, customer_id: str, asked: Asked = Asked()) -> Preview:
    """The words that one customer would get of a product by the latest plan, and why, or why none.

    Raises:
        UsageError: there is no such product, channel or brand, or the plan has no such customer.
        PlanError: there is no plan yet.
    """
    product = _product(workspace, name)
    _check(asked, product)
    if asked.locales or asked.variants:
        hint = "leave out --locale and --variant with --customer"
        raise UsageError("--customer", "a customer has a language and a variant already", hint)
    found = explain(workspace, customer_id)
    ways = asked.channels or product.channels.all
    brands = [asked.brand] if asked.brand else product.brands
    mine = (pl.col("customer_id") == customer_id) & (pl.col("product") == name) & pl.col("reason").is_null()
    folder = plan_folder(workspace.settings, found.run_id)
    rows = scan_deliveries(folder).filter(mine, pl.col("channel").is_in(ways), pl.col("brand").is_in(brands)).collect()
    creatives = read_creatives(folder, rows["creative_id"]) if rows.height else {}
    messages = [
        message_of(workspace, row, creatives[row["creative_id"]], tuple(filter(None, [row["variant"]])))
        for row in rows.to_dicts()
    ]
    about = replace(
        found,
        candidates=[row for row in found.candidates if row["product"] == name and row["brand"] in brands],
        elsewhere=[other for other in found.elsewhere if other == name],
        messages=[row for row in found.messages if row["product"] == name],
    )
    return _preview(workspace, product, messages, about)


def _product(workspace: Workspace, name: str) -> Product:
    if name not in workspace.products:
        raise UsageError("PRODUCT", f"'{name}' is no product of this workspace", nearest(name, workspace.products))
    return workspace.products[name]


def _check(asked: Asked, product: Product) -> None:
    brands = (asked.brand,) if asked.brand else ()
    for option, names, known in (
        ("channel", asked.channels, product.channels.all),
        ("variant", asked.variants, product.test.variants),
        ("brand", brands, product.brands),
    ):
        for name in names:
            if name not in known:
                raise UsageError(f"--{option}", f"'{name}' is no {option} of {product.name}", nearest(name, known))


def _files(workspace: Workspace, product: Product, asked: Asked) -> dict[WordsKey, tuple[str, ...]]:
    """The template files that speak, each with the variants that it speaks for.

    Raises:
        UsageError: a locale is none, or the product has no words for it.
    """
    words = workspace.words[product.name]
    spoken = sorted({key.locale for key in words}, key=lambda locale: locale or "")
    locales = [_locale(given) for given in asked.locales] or spoken
    variants = asked.variants or tuple(product.test.variants) or (None,)
    found: dict[WordsKey, dict[str, None]] = {}
    for channel in asked.channels or product.channels.all:
        for locale in locales:
            for variant in variants:
                key = fitting(words, channel, variant, locale)
                if key is None:
                    what = f"{product.name} has no words in '{locale}', nor any for all other languages"
                    raise UsageError("--locale", what, nearest(str(locale), filter(None, spoken)))
                found.setdefault(key, {}).update({variant: None} if variant else {})
    return {key: tuple(names) for key, names in found.items()}


def _locale(given: str) -> str:
    locale = pl.select(spelt(pl.lit(given))).item()
    if locale is None or not is_spoken(locale):
        raise UsageError("--locale", f"'{given}' is no language", "write it as in de, de-AT or pt-BR")
    return str(locale)


def _examples(
    workspace: Workspace, product: Product, brand: str, files: Iterable[WordsKey]
) -> Iterator[tuple[WordsKey, dict[str, Any]]]:
    """A delivery for each file and set of facts, as routing would hand it on; `decision_id` is its place among them."""
    usages, segment = workspace.usages(product), workspace.segments[product.segment]
    nothing = dict.fromkeys((*ROUTED, *workspace.fields(product)))
    place = itertools.count()
    for key in files:
        dimensions = [name for name in product.dimensions if name in usages[key].used]
        for situation in situations(workspace.words[product.name][key].fields, dimensions, segment):
            row = {
                **nothing,
                "brand": brand,
                "product": product.name,
                "decision_id": str(next(place)),
                "channel": key.channel,
                "target": workspace.settings.targets.get(brand, {}).get(key.channel),
                "variant": key.variant,
                "locale": key.locale,
                "facts": list(situation.facts),
                **situation.values,
            }
            yield key, row


def _addresses(workspace: Workspace, product: Product, row: Mapping[str, Any]) -> dict[str, str]:
    """An example has no id of its own for the addresses of its recipient."""
    brand = workspace.settings.brand(row["brand"], row["country"]).model_dump()
    return of_recipients(brand, is_marketing=product.message_type == "marketing")


def message_of(
    workspace: Workspace, row: Mapping[str, Any], creative: Mapping[str, Any], variants: tuple[str, ...]
) -> Message:
    """A delivery with its words filled in, as `stages.delivery` fills them.

    Args:
        workspace: knows which dimensions a value shows.
        row: the delivery, as `stages.message.worded` yields it.
        creative: its words.
        variants: those that say so.
    """
    channel = CHANNELS[row["channel"]]
    shown = _shown(workspace, row, creative)
    parts = {part.name: _said(creative["parts"][part.name], row, shown, is_html=part.is_html) for part in channel.parts}
    length = measure(pl.Series([parts["body"].text])).row(0, named=True) if channel.name == "sms" else {}
    return Message(
        channel=channel.name,
        target=row["target"],
        variants=variants,
        locale=creative["locale"],
        subject_id=row["subject_id"],
        facts=(tuple(row["facts"]),),
        parts=parts,
        **{name: creative[name] for name in _OF_CREATIVE},
        **length,
    )


def _shown(workspace: Workspace, row: Mapping[str, Any], creative: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Slot -> those of the delivery's facts that its value shows; every fact where the words have changed since."""
    product = workspace.products[row["product"]]
    fields = workspace.segments[product.segment].fields
    words = next((w for w in workspace.words[product.name].values() if w.digest == creative["words_sha256"]), None)
    if words is None:
        return dict.fromkeys((slot.removesuffix("_html") for slot in creative["slots"]), tuple(row["facts"]))
    told = {slot: {of for name in names for of in fields[name].dimensions} for slot, names in words.behind.items()}
    return {slot: tuple(fact for fact in row["facts"] if fact in dimensions) for slot, dimensions in told.items()}


def _said(text: str, row: Mapping[str, Any], shown: Mapping[str, tuple[str, ...]], *, is_html: bool) -> Said:
    said, values, dimensions = "", [], []
    for piece in pieces(text, is_html=is_html):
        value = piece if isinstance(piece, str) else row[piece.name]
        if not isinstance(piece, str) and is_words_slot(piece.name):
            values.append((len(said), len(said) + len(value)))
            dimensions.append(shown[piece.name.removesuffix("_html")])
        said += value
    return Said(said, tuple(values), tuple(dimensions))


def _alike(messages: Sequence[Message]) -> list[Message]:
    """What reads the same with several sets of facts, once."""
    found: dict[tuple[object, ...], Message] = {}
    for message in messages:
        texts = tuple(said.text for said in message.parts.values())
        key = (message.channel, message.variants, message.locale, *texts)
        known = found.get(key)
        found[key] = message if known is None else replace(known, facts=(*known.facts, *message.facts))
    return list(found.values())


def _preview(
    workspace: Workspace, product: Product, messages: Sequence[Message], explanation: Explanation | None = None
) -> Preview:
    return Preview(
        product=product.name,
        need=product.help.need,
        status=product.status,
        brands=tuple(product.brands),
        segment=product.segment,
        phrases={name: workspace.catalogue.dimensions[name].my for name in product.dimensions},
        messages=tuple(messages),
        explanation=explanation,
    )


_OF_CREATIVE = (
    "brand",
    "country",
    "sender_name",
    "sender_email",
    "reply_to",
    "sms_sender",
    "action_label",
    "action_url",
)
