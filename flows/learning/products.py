"""The ledger -> what each product has changed, and what it is called for that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from flows.clock import moment
from flows.errors import UsageError, nearest
from flows.learning import cells
from flows.learning.allocation import Allocation, allocation
from flows.learning.cells import HELD_OUT, TREATED, USUAL, Design
from flows.learning.contrasts import Code, adjusted
from flows.learning.counting import counted, design_of, told
from flows.learning.effects import Arm, Compared, arms, compared
from flows.learning.levels import Level, levels
from flows.learning.proposals import Around, Proposal, proposals
from flows.learning.successes import Metric, Role, metrics
from flows.ledger.portfolio import reach_since
from flows.ledger.store import open_ledger
from flows.ledger.tally import told_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from flows.experiment import Guardrails
    from flows.pauses import Pause
    from flows.product import Product
    from flows.workspace import Workspace

VARIANTS, LEVELS = "variants", "levels"
LATELY = timedelta(days=30)
Verdict = Literal["HELPS_AND_SELLS", "HELPS", "HELPS_AND_SELLS_LESS", "SELLS_WITHOUT_HELPING", "HARMS", "NOT_SURE"]
VERDICTS: Mapping[Verdict, str] = {
    "HELPS_AND_SELLS": "It helps, and it sells.",
    "HELPS": "It helps. Whether it sells nobody can be sure of.",
    "HELPS_AND_SELLS_LESS": "It helps, and it sells less than to say nothing.",
    "SELLS_WITHOUT_HELPING": "It sells, and nothing shows that it helps.",
    "HARMS": "It does harm: the need is greater with it than without.",
    "NOT_SURE": "Whether it helps nobody can be sure of yet.",
}
"""What a product is called for what it does, as against those who were held out."""


@dataclass(frozen=True)
class ProductReadout:
    """What a product has changed.

    Attributes:
        product: which.
        within_days: how long after the start of the day of the decision what happens counts.
        metrics: what is asked.
        since: the first day from which on all was drawn as it is set now; None: there is none.
        until: the last day of decisions whose time is over; None: there is none.
        arms: who is in them.
        shares_p: how well the sizes of the arms go with their shares, at every look.
        refused: `held out`, `variants` or `levels` -> why these are not compared at all.
        compared: the contrasts.
        verdict: what it does, as against those who were held out.
        alarms: guardrails that are worse in an arm by more than the setting `guardrails` bears: `complained, treated`. Each by
            its own interval for every look, since an alarm too many costs a look, and one that is missed costs people.
        allocation: how the shares of its variants have followed what came of them; None: they are fixed.
        levels: whether lower detail levels are worse than the highest that is tried.
        proposals: what to do next, by a person; none for what does not speak.
    """

    product: str
    within_days: float
    metrics: tuple[Metric, ...]
    since: date | None = None
    until: date | None = None
    arms: tuple[Arm, ...] = ()
    shares_p: float | None = None
    refused: Mapping[str, Code] = field(default_factory=dict)
    compared: tuple[Compared, ...] = ()
    verdict: Verdict = "NOT_SURE"
    alarms: tuple[str, ...] = ()
    allocation: Allocation | None = None
    levels: tuple[Level, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    def of_all(self, role: Role, arm: str = TREATED) -> Compared | None:
        """What was found of everybody who was decided for in an arm, in what is asked for that reason; None: it is not asked.

        Of an arm that is held against two others, too: against those who were held out.
        """
        for each in self.compared:
            is_mine = (each.role, each.basis, each.contrast.arm) == (role, "intention", arm)
            if is_mine and (arm != TREATED or each.control == HELD_OUT):
                return each
        return None


@dataclass(frozen=True)
class LedgerReadout:
    """What products have changed, by the history.

    Attributes:
        as_of: the day of the look.
        told_until: when outcomes came in last: of what happened since nothing is known.
        smallest_effect: the share of a rate, or of what it lacks to all where that is less, which is a difference that matters.
        products: by name.
        paused: products that this look has paused, since a guardrail is worse.
    """

    as_of: date
    told_until: datetime | None
    smallest_effect: float
    products: tuple[ProductReadout, ...]
    paused: tuple[Pause, ...] = ()

    @property
    def is_answered(self) -> bool:
        """Whether there is a number at all."""
        return any(each.contrast.refused is None for product in self.products for each in product.compared)


def read_products(workspace: Workspace, names: Sequence[str] = (), since: date | None = None) -> LedgerReadout:
    """What products have changed.

    Args:
        workspace: its products say what success is, and how people are drawn.
        names: of products; none are all.
        since: the first day; None: that from which on all was drawn as it is set now. What was drawn otherwise counts by the
            inverse of its probability.

    Raises:
        UsageError: there is no such product.
        StateError: the ledger cannot be read.
    """
    for name in names:
        if name not in workspace.products:
            raise UsageError("justenough readout", f"there is no product '{name}'", nearest(name, workspace.products))
    asked = [product for name, product in workspace.products.items() if not names or name in names]
    today = moment(None, workspace.settings.zone).as_of
    with open_ledger(workspace.settings, read_only=True) as ledger:
        heard, reach = told_until(ledger), reach_since(ledger, today - LATELY)
    found = judged([read_product_alone(workspace, product, since) for product in asked], workspace.settings.guardrails)
    concluded = (_concluded(workspace, product, reach, each) for product, each in zip(asked, found, strict=True))
    return LedgerReadout(today, heard, workspace.settings.smallest_effect, tuple(concluded))


def read_product_alone(workspace: Workspace, product: Product, since: date | None = None) -> ProductReadout:
    """What a product has changed, not judged together with anything yet.

    The ledger is open for one product at a time: a run that wants to write waits no longer.

    Args:
        workspace: it is of.
        product: which.
        since: as for `read_products`.
    """
    design, asked = design_of(workspace, product), metrics(product)
    within_days = product.success.within / timedelta(days=1)
    nothing = ProductReadout(product.name, within_days, asked, refused=_not_compared(product, design))
    with open_ledger(workspace.settings, read_only=True) as ledger:
        outcomes, found = told(ledger), counted(ledger, workspace, product, since)
    if found is None:
        nobody: dict[str, Code] = dict.fromkeys(
            [HELD_OUT, *[VARIANTS] * (len(design.variants) > 1), *[LEVELS] * bool(design.levels)], "NO_DECISIONS"
        )
        return replace(nothing, refused={**nobody, **nothing.refused})
    return replace(
        nothing,
        since=found.since,
        until=found.until,
        arms=tuple(arms(found, asked)),
        shares_p=cells.shares_p(found.people, design),
        allocation=allocation(found, asked[0]),
        compared=tuple(compared(found, asked, outcomes, workspace.settings.smallest_effect)),
    )


def judged(found: Sequence[ProductReadout], borne: Guardrails) -> Iterator[ProductReadout]:
    """Readouts with what is sure among all that they compare, what each product is called for it, and what is not borne of it."""
    contrasts = iter(adjusted([each.contrast for product in found for each in product.compared]))
    for product in found:
        sure = tuple(replace(each, contrast=next(contrasts)) for each in product.compared)
        yield replace(product, compared=sure, verdict=_verdict(sure), alarms=tuple(dict.fromkeys(_alarms(sure, borne))))


def _concluded(workspace: Workspace, product: Product, reach: pl.DataFrame, found: ProductReadout) -> ProductReadout:
    """A readout with what follows from it."""
    settings = workspace.settings
    found = replace(found, levels=tuple(levels(found.compared, found.alarms, settings.smallest_effect)))
    if product.status != "live" and product.name not in workspace.pauses:
        return found
    lately = reach.filter(product=product.name)
    digest = workspace.product_digest(product)
    people, held_out = lately.select("people", "held_out").sum().row(0)
    is_paused = product.status != "live"
    around = Around(digest, settings.global_holdout, settings.smallest_effect, people, held_out, is_paused)
    return replace(found, proposals=tuple(proposals(found, product, around)))


def _not_compared(product: Product, design: Design) -> dict[str, Code]:
    if design.held_out:
        return {}
    return {HELD_OUT: "NOT_HELD_OUT" if product.message_type == "service" else "NO_HOLDOUT"}


def _verdict(found: Sequence[Compared]) -> Verdict:
    helped, sold = (_sure(found, role) for role in ("helped", "business"))
    if helped < 0:
        return "HARMS"
    if helped > 0:
        return "HELPS_AND_SELLS" if sold > 0 else "HELPS_AND_SELLS_LESS" if sold < 0 else "HELPS"
    return "SELLS_WITHOUT_HELPING" if sold > 0 else "NOT_SURE"


def _sure(found: Sequence[Compared], role: str) -> float:
    """The sure difference of everybody who was decided for from those who were held out; 0 where none is sure."""
    for each in found:
        of_all = (each.role, each.basis, each.control, each.contrast.arm) == (role, "intention", HELD_OUT, TREATED)
        if of_all and each.contrast.is_sure:
            return each.contrast.difference or 0.0
    return 0.0


def _alarms(found: Sequence[Compared], borne: Guardrails) -> Iterator[str]:
    for each in found:
        always = each.contrast.always
        if (
            (each.role, each.basis) == ("guardrail", "intention")
            and each.contrast.arm != USUAL  # what another system does is not ours to pause
            and always
            and always.low is not None
            and always.low > borne.of(each.contrast.metric)
        ):
            yield f"{each.contrast.metric}, {each.contrast.arm}"
