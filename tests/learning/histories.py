"""A history made by hand: decisions with what became of them, appended to the ledger of a tiny workspace."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from flows.ledger.store import open_ledger
from flows.settings import load_settings
from tests.tiny import Tiny, clock, make

if TYPE_CHECKING:
    from pathlib import Path

START = date(2026, 9, 1)
LONG_AFTER = datetime(2026, 11, 22, 9, tzinfo=UTC)
SHARES = "\ntest: {holdout: 20%, variants: {guide: 50%, list: 50%}}\n"
HELD, GUIDE, LIST = 0.2, 0.4, 0.4
"""The probabilities of the draws under `SHARES`."""

_INSTANT = pl.Datetime("us")


def shop(folder: Path, test: str = SHARES) -> Tiny:
    """A tiny workspace whose product `care` is tried: success is that no question comes, and that people order again."""
    tiny = make(folder, brands=["north"])
    product = tiny.folder / "templates/care/product.yaml"
    product.write_text(product.read_text("utf-8").rstrip("\n") + test, "utf-8")
    if "list" not in test:
        return tiny
    words = "{% block headline %}Your list{% endblock %}{% block body %}Dry it, brush it, hang it.{% endblock %}"
    (tiny.folder / "templates/care/web.list.j2").write_text(words, "utf-8")
    return tiny


def decided(
    people: int, day: int = 0, *, seed: int = 0, product: str = "care", first: int = 0, **fixed: Any
) -> pl.DataFrame:
    """Decisions for people `p<first>`, … on a day, drawn by `SHARES`; `fixed` columns take the place of others."""
    u = np.random.default_rng((seed, day, first)).random(people)
    arm = np.select([u < HELD, u < HELD + GUIDE], ["held out", "guide"], "list")
    names = [f"p{first + number}" for number in range(people)]
    as_of = START + timedelta(days=day)
    frame = pl.DataFrame({"person_key": names, "arm": arm})
    held = pl.col("arm") == "held out"
    return frame.select(
        "person_key",
        decision_id=pl.format("{}-{}-{}", pl.lit(product), "person_key", pl.lit(day)),
        run_id=pl.lit(f"run-{day}"),
        as_of=pl.lit(as_of),
        brand=pl.lit("north"),
        product=pl.lit(product),
        message_type=pl.lit("marketing"),
        variant=pl.when(~held).then("arm"),
        propensity=pl.when(held).then(HELD).otherwise(GUIDE),
        score=pl.lit(0.5),
        reason=pl.when(held).then(pl.lit("HOLDOUT")),
        valid_until=pl.lit(datetime.combine(as_of, datetime.min.time()) + timedelta(days=5), _INSTANT),
        channel=pl.lit("email"),
    ).with_columns(**fixed)


def claimed(decisions: pl.DataFrame, batch_id: str = "b", share: float = 1.0) -> pl.DataFrame:
    """The claims of those who are not held out, or of a share of them, with `message_id` m-<decision>."""
    sent = decisions.filter(pl.col("reason").is_null(), pl.col("channel").is_not_null())
    sent = sent.head(round(sent.height * share))
    at = pl.col("as_of").cast(_INSTANT)
    return sent.select(
        "decision_id", "as_of", "person_key", "brand", "product", "message_type", "channel",
        message_id=pl.format("m-{}", "decision_id"), lane=pl.lit("first"), attempt=pl.lit(1), batch_id=pl.lit(batch_id),
        address_key=pl.lit("a"), claimed_at=at,
    )  # fmt: skip


def batch(batch_id: str = "b", state: str = "sent", kind: str = "message") -> pl.DataFrame:
    at = datetime.combine(START, datetime.min.time())
    row = {
        "batch_id": batch_id, "run_id": "run-0", "target": "email_file", "brand": "north", "channel": "email", "kind": kind,
        "as_of": START, "number": 1, "state": state, "row_count": 1, "valid_until": at, "claimed_at": at,
    }  # fmt: skip
    return pl.DataFrame([row], schema_overrides={"valid_until": _INSTANT, "claimed_at": _INSTANT})


def outcomes(rows: list[tuple[str, str, float]] | pl.DataFrame, told_on: float = 80) -> pl.DataFrame:
    """Outcomes `(person, outcome, days since the experiment began)`, come in so many days after that."""
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, _OUTCOMES, orient="row")
    begin = pl.lit(datetime.combine(START, datetime.min.time()), _INSTANT)
    since = (pl.col("day") * 86_400_000_000).round().cast(pl.Int64).cast(pl.Duration("us"))
    told = timedelta(days=told_on)
    return frame.with_row_index("row").select(
        "person_key", "outcome", event_id=pl.format("e{}-{}", "row", pl.lit(told_on)), happened_at=begin + since,
        source=pl.lit("test"), received_at=begin + told,
    )  # fmt: skip


def said(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    """Consent events `(person, state, days since the experiment began)`."""
    return outcomes(rows).select(
        "event_id", "person_key", "happened_at", "received_at", "source", state="outcome",
        brand=pl.lit("*"), channel=pl.lit("*"), topic=pl.lit("*"), drain=pl.lit(1),
    )  # fmt: skip


def chances(
    decisions: pl.DataFrame, chance: dict[str, float], outcome: str, *, seed: int, within: float = 13.9
) -> pl.DataFrame:
    """An outcome of some of the people decided for, by the chance of their arm, within days of their first day."""
    drawn = np.random.default_rng((seed, len(outcome)))
    arm = pl.when(pl.col("reason").is_not_null()).then(pl.lit("held out")).otherwise("variant")
    frame = decisions.select(
        "person_key", chance=arm.replace_strict(chance), begun=(pl.col("as_of") - START).dt.total_days()
    )
    frame = frame.with_columns(u=drawn.random(frame.height), after=drawn.random(frame.height) * within)
    return frame.filter(pl.col("u") < pl.col("chance")).select(
        "person_key", outcome=pl.lit(outcome), day=pl.col("begun") + pl.col("after")
    )


def fill(tiny: Tiny, **tables: pl.DataFrame | list[pl.DataFrame]) -> None:
    """Append rows to tables of the ledger."""
    with open_ledger(load_settings(tiny.folder)) as ledger, ledger.transaction():
        for table, frames in tables.items():
            for frame in frames if isinstance(frames, list) else [frames]:
                ledger.append(table, frame)


def at(moment: datetime = LONG_AFTER) -> Any:
    return clock(moment)


_OUTCOMES = {"person_key": pl.String, "outcome": pl.String, "day": pl.Float64}
