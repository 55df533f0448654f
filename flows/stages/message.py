"""routed, products -> worded: the creative and the slots of every delivery, and the creatives in their brand's layout."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.channels import CHANNELS
from flows.errors import TemplateError
from flows.facts import check_guarded
from flows.links import OF_RECIPIENTS, of_recipients, tracked
from flows.wording import layout_of, placed
from flows.words import compose, fill, generic, wrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.channels import Channel
    from flows.keys import Key
    from flows.product import Product
    from flows.wording import WordsKey
    from flows.words import Composed, Creative
    from flows.workspace import Workspace

FIRST_ATTEMPT = "1"
UNSUBSCRIBE = "unsubscribe_url"


@dataclass(frozen=True)
class Worded:
    """Deliveries with their words.

    Attributes:
        rows: `schemas.ROUTED` with `message_id`, `creative_id`, `unsubscribe_url` (null for service messages) and the slots
            `s1`…; `facts` are those that the channel's own words use; LOCALE_MISMATCH where there are no words for the
            person's language.
        creatives: by `creative_id`: what a target needs beside the slots; `parts` are generic (see `flows.words.generic`).
    """

    rows: pl.DataFrame
    creatives: dict[str, dict[str, Any]]


def worded(routed: pl.DataFrame, product: Product, workspace: Workspace, key: Key) -> Worded:
    """Put words to the deliveries of one product.

    Args:
        routed: of this product, with its fields, none with a reason.
        product: the product.
        workspace: gives words, layouts and sender identities.
        key: for `message_id`.

    Raises:
        GuardError: more of somebody would reach the words than three dimensions, or than their facts.
        TemplateError: an expression of a template fails on some row.
    """
    fields = workspace.fields(product)
    check_guarded(routed, product, fields)
    identified = routed.with_columns(
        message_id=key.of(pl.col("decision_id"), pl.col("lane"), _attempt(routed)),
        sender=pl.concat_str(_senders(routed, workspace), "variant", separator="/", ignore_nulls=True),
    )
    known, places = placed(identified, workspace.words[product.name])
    rows = identified.with_columns(places)
    wordless = rows.filter(pl.col("words").is_null()).with_columns(*_no_words(), reason=pl.lit("LOCALE_MISMATCH"))
    done = [wordless.drop(*fields, "sender", "words")]
    creatives: dict[str, dict[str, Any]] = {}
    for place, words_key in enumerate(known):
        mine = rows.filter(pl.col("words") == place).drop("words")
        some, made = _put(mine, words_key, product, workspace, key)
        done.append(some.drop(fields))
        creatives |= made
    return Worded(pl.concat(done, how="diagonal"), creatives)


def _attempt(routed: pl.DataFrame) -> pl.Expr:
    """Which attempt a message is: a correction's rows say it, all others are the first."""
    return pl.col("attempt").cast(pl.String) if "attempt" in routed.columns else pl.lit(FIRST_ATTEMPT)


def _put(
    rows: pl.DataFrame, words_key: WordsKey, product: Product, workspace: Workspace, key: Key
) -> tuple[pl.DataFrame, dict[str, dict[str, Any]]]:
    """One template file on its rows: the words composed, wrapped in each sender's layout, and named."""
    words = workspace.words[product.name][words_key]
    locale = words.locale
    contexts = {name: sender_context(name, product, words_key, workspace) for name in sorted(rows["sender"].unique())}
    fields = workspace.fields(product)
    told = rows.drop([name for name in rows.columns if name not in fields])  # of no columns `select` makes no rows
    composed = compose(words, told)
    _check_said(composed, CHANNELS[words_key.channel], words.name)
    layout = layout_of(workspace.layouts, words_key)
    if layout is not None:
        slots = {sender: tuple(_addresses(context)) for sender, context in contexts.items()}
        composed = wrap(composed, layout, senders=rows["sender"], contexts=contexts, slots=slots)
    used = list(workspace.usages(product)[words_key].used)
    keyed = rows.with_columns(
        composed.rows["key"], facts=pl.col("facts").list.eval(pl.element().filter(pl.element().is_in(used)))
    )
    kinds = keyed.select("key", "sender", "variant").unique().sort("key", "sender", "variant")
    creatives, first = [], CHANNELS[words_key.channel].parts[0].name  # what people see first says the environment
    for creative in composed.creatives.values():
        _check_lines(creative, CHANNELS[words_key.channel], words.name)
    for name, sender, variant in kinds.iter_rows():
        about = {"product": product.name, "channel": words_key.channel, "variant": variant, "locale": locale}
        identity = _digest(*about.values(), sender, name)
        described = _described(composed.creatives[name], contexts[sender])
        described["parts"][first] = f"{workspace.settings.mark}{described['parts'][first]}"
        creatives.append({"creative_id": identity, **about, **described, "words_sha256": words.digest})
    identities = pl.Series("creative_id", [creative["creative_id"] for creative in creatives], dtype=pl.String)
    named = keyed.join(
        kinds.with_columns(identities),
        on=["key", "sender", "variant"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    printed = {slot for creative in creatives for slot in creative["slots"] if slot in OF_RECIPIENTS}
    links = [_link(slot, contexts, key, workspace.settings.name) for slot in sorted({*printed, UNSUBSCRIBE})]
    finished = named.with_columns(links).drop("key", "sender")
    return finished.hstack(composed.rows.drop("key")), {creative["creative_id"]: creative for creative in creatives}


def _check_lines(creative: Creative, channel: Channel, name: str) -> None:
    """A subject or a title is one line: a header with a line break in it is refused, or worse, read as two.

    Raises:
        TemplateError: naming the part.
    """
    for part in channel.one_line:
        if any(isinstance(piece, str) and ("\n" in piece or "\r" in piece) for piece in creative.parts[part]):
            what = f"the part '{part}' goes over more than one line"
            raise TemplateError(name, what, "write the block on one line, from its tag to its endblock")


def _check_said(composed: Composed, channel: Channel, name: str) -> None:
    """A part that says nothing to somebody: a push message without a title is refused, a mail without a subject mistrusted.

    Raises:
        TemplateError: naming the part.
    """
    for part in channel.parts:
        if part.name in channel.may_be_blank:
            continue
        bare = {
            key: creative
            for key, creative in composed.creatives.items()
            if not any(isinstance(piece, str) and piece.strip() for piece in creative.parts[part.name])
        }
        mine = composed.rows.filter(pl.col("key").is_in(list(bare)))
        if bare and (fill(replace(composed, rows=mine, creatives=bare), part.name).str.strip_chars() == "").any():
            hint = "give that case words of its own: {% if … %}…{% else %}…{% endif %}"
            raise TemplateError(name, f"the part '{part.name}' is empty where a fact is missing", hint)


def _described(creative: Creative, context: Mapping[str, Any]) -> dict[str, Any]:
    """What a target needs of a creative: who speaks, where the button leads, and the words."""
    identity = {name: context["brand"][name] for name in ("sender_name", "sender_email", "reply_to", "sms_sender")}
    return {
        "brand": context["brand_name"],
        "country": context["country"],
        **identity,
        "action_label": context["action"]["label"],
        "action_url": context["action"]["url"],
        "slots": list(creative.slots()),
        "parts": {part: generic(creative, part) for part in creative.parts},
    }


def _digest(*inputs: str | None) -> str:
    return hashlib.sha256("\x1f".join(text or "" for text in inputs).encode()).hexdigest()[:16]


def _senders(rows: pl.DataFrame, workspace: Workspace) -> pl.Expr:
    """`brand/country` of the sender identity that speaks to each row's person."""
    pairs = rows.select("brand", "country").unique().rows()
    senders = {(brand, country): f"{brand}/{workspace.country(brand, country)}" for brand, country in pairs}
    given = pl.concat_str("brand", pl.col("country").fill_null(""), separator="/")
    known = {f"{brand}/{country or ''}": sender for (brand, country), sender in senders.items()}
    return given.replace_strict(known, return_dtype=pl.String)


def sender_context(sender: str, product: Product, words_key: WordsKey, workspace: Workspace) -> dict[str, Any]:
    """What a layout may print: the sender's identity, never anything about the recipient.

    Args:
        sender: `brand/country`, and `/variant` where the product tries some.
        product: the product.
        words_key: which of its words.
        workspace: gives settings and words.
    """
    name, _, rest = sender.partition("/")
    country, _, variant = rest.partition("/")
    settings = workspace.settings
    brand = settings.brand(name, country)
    action = product.help.action
    url = f"{brand.site_url.rstrip('/')}{action.url}" if action.url.startswith("/") else action.url
    named = {
        "brand": name,
        "channel": words_key.channel,
        "campaign": product.campaign or product.name,
        "variant": variant,
        "version": workspace.words[product.name][words_key].digest[:8],
    }
    url = tracked(url, settings.link_parameters(words_key.channel), named)
    return {
        "brand": brand.model_dump(),
        "brand_name": name,
        "country": country,
        "locale": words_key.locale or settings.locale,
        "action": {"label": action.label_in(words_key.locale), "url": url},
        "is_marketing": product.message_type == "marketing",
    }


def _addresses(context: Mapping[str, Any]) -> dict[str, str]:
    return of_recipients(context["brand"], is_marketing=context["is_marketing"])


def _link(slot: str, contexts: Mapping[str, Mapping[str, Any]], key: Key, workspace: str) -> pl.Expr:
    """A recipient's own address: the brand's, with what says which message it stood in, and names nobody."""
    addresses = {sender: _addresses(context).get(slot) for sender, context in contexts.items()}
    address = pl.col("sender").replace_strict(addresses, return_dtype=pl.String)
    address = address.str.replace("{message_id}", pl.col("message_id"), literal=True)
    for brand in sorted(
        {contexts[sender]["brand_name"] for sender, url in addresses.items() if url and "{token}" in url}
    ):
        is_mine = pl.col("brand") == brand
        token = key.for_links(workspace, brand).token(OF_RECIPIENTS[slot][1], pl.when(is_mine).then("message_id"))
        signed = address.str.replace("{token}", token, literal=True)
        address = pl.when(is_mine).then(signed).otherwise(address)
    return address.alias(slot)


def _no_words() -> list[pl.Expr]:
    return [pl.lit(None, dtype=pl.String).alias(name) for name in ("creative_id", UNSUBSCRIBE)]
