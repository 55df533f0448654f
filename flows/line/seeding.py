"""Copies of a batch's messages for seed addresses: one of each kind, outside claims, counts, caps and readouts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.facts import highest_level
from flows.keys import load_key
from flows.line.situations import situation
from flows.schemas import ROUTED, frame_schema
from flows.seeds import SEED_LANE, seed_addresses
from flows.stages.message import worded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from flows.channels import Creatives
    from flows.keys import Key
    from flows.product import Product
    from flows.workspace import Workspace

_KIND = ["product", "variant", "spoken", "level"]
_OWN = ("not_before", "not_after", "attempt")
"""What a copy has of one of its kind's messages beside `ROUTED`: when it may be sent, and which message of its decision it is."""


SEED = frame_schema("brand", "channel", "address", "address_match")
"""A seed address."""


def addresses(workspace: Workspace, brand: str, channel: str) -> pl.DataFrame:
    """`SEED` of a brand and channel. Raises SettingError."""
    found = seed_addresses(workspace.settings, channel)
    return found.select(brand=pl.lit(brand), channel=pl.lit(channel), address="address", address_match="address_match")


def open_seeds(seeds: pl.DataFrame, suppressed: pl.DataFrame) -> pl.DataFrame:
    """`SEED` of those that may be sent to.

    Args:
        seeds: `SEED`.
        suppressed: `channel, address_match, brand` of what gets nothing any more; `*` is any.
    """
    met = seeds.join(suppressed, on="address_match", suffix="_listed")
    meant = [
        pl.col(f"{name}_listed").is_in(["*"]) | (pl.col(f"{name}_listed") == pl.col(name))
        for name in ("brand", "channel")
    ]
    return seeds.join(met.filter(*meant), on=list(SEED), how="anti", maintain_order="left")


def seed_key(key: Key) -> pl.Expr:
    """What tells one of `SEED` from another where nobody's address may stand."""
    return key.of(SEED_LANE, *(pl.col(name) for name in ("brand", "channel", "address_match")))


@dataclass(frozen=True)
class Seeds:
    """Copies for seed addresses.

    Attributes:
        rows: as `message.worded` yields them, with `message_id` and a `customer_id` that no customer has.
        creatives: of these, by `creative_id`.
    """

    rows: pl.DataFrame
    creatives: Creatives


def seeded(
    workspace: Workspace, as_of: date, leaving: Sequence[pl.DataFrame], creatives: Creatives, seeds: pl.DataFrame
) -> Seeds:
    """A copy of each kind of message to each seed address, in the words that the segment's examples make.

    Nothing of a customer is in them. For the same day, key, kinds and addresses they are the same.

    Args:
        workspace: gives words, examples and the key.
        as_of: the day of the run.
        leaving: the claimed deliveries, of one target and brand, in any pieces.
        creatives: of these.
        seeds: `SEED`; none make none.
    """
    key = load_key(workspace.settings.key_file)
    nobody = leaving[0].clear()
    rows, made = [nobody], dict[str, Mapping[str, Any]]()
    kinds = _kinds(leaving, creatives).partition_by("product", as_dict=True) if seeds.height else {}
    for (name,), mine in sorted(kinds.items()):
        product = workspace.products[str(name)]
        copies = pl.DataFrame(
            [copy for kind in mine.iter_rows(named=True) for copy in _copies(workspace, product, kind, seeds)],
            schema_overrides={**ROUTED, **{name: nobody.schema[name] for name in _own(nobody)}},
            infer_schema_length=None,
        )
        about = [pl.col(each).cast(pl.String) for each in ("brand", "product", "variant", "locale", "level")]
        where = [pl.col(each) for each in ("channel", "address_match")]
        named = copies.with_columns(decision_id=key.of(SEED_LANE, workspace.settings.name, *about, *where, f"{as_of}"))
        words = worded(named, product, workspace, key)
        rows.append(words.rows.with_columns(customer_id=pl.lit(SEED_LANE) + pl.col("message_id").str.head(12)))
        made |= words.creatives
    return Seeds(pl.concat(rows, how="diagonal_relaxed"), made)


def orphans(seeds: pl.DataFrame, sent: Iterable[pl.DataFrame], creatives: Creatives) -> pl.Series:
    """`message_id` of the copies of what nobody gets any more."""
    left = pl.concat([rows.with_columns(_spoken(creatives)).select(_KIND).unique() for rows in sent])
    return seeds.with_columns(_spoken(creatives)).join(left, on=_KIND, how="anti", nulls_equal=True)["message_id"]


def _spoken(creatives: Creatives) -> pl.Expr:
    """The language of the words."""
    spoken = {name: str(creative["locale"]) for name, creative in creatives.items()}
    return pl.col("creative_id").replace_strict(spoken, return_dtype=pl.String).alias("spoken")


def _kinds(pieces: Iterable[pl.DataFrame], creatives: Creatives) -> pl.DataFrame:
    """Each kind once, with whose words it is in: a locale and a country that some of its people have."""
    kinds = _once(pl.concat([_once(rows.with_columns(_spoken(creatives))) for rows in pieces]))
    return kinds.sort(_KIND, nulls_last=False)


def _once(rows: pl.DataFrame) -> pl.DataFrame:
    ordered = rows.sort("locale", "country", "message_id")
    about = ("message_id", "message_type", "brand", "channel", "target", "locale", "country", *_own(rows))
    return ordered.group_by(_KIND, maintain_order=True).agg(pl.col(about).first(), pl.col("valid_until").max())


def _own(rows: pl.DataFrame) -> list[str]:
    return [name for name in _OWN if name in rows.columns]


def _copies(
    workspace: Workspace, product: Product, kind: dict[str, Any], seeds: pl.DataFrame
) -> Iterator[dict[str, Any]]:
    """A kind of message to each seed address, with the first examples of all that its level may show."""
    fields = workspace.fields(product)
    most = min(int(kind["level"]), highest_level(product, product.because))
    shown = situation(fields, product.dimensions[:most], workspace.segments[product.segment])
    for address, match in seeds.select("address", "address_match").iter_rows():
        yield {
            **dict.fromkeys((*ROUTED, *fields)),
            **{name: value for name, value in kind.items() if name in ROUTED or name in _OWN},
            "lane": SEED_LANE,
            "address": address,
            "address_match": match,
            "facts": list(shown.facts),
            **shown.values,
        }
