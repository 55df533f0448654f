"""Scores that are probabilities: the weights of relevance by what came of people, and a person's acceptance of them."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl

from flows.calibrated import FILE
from flows.clock import moment
from flows.learning.choices import setting_of, told_so_far
from flows.learning.relevance import Fit, fit
from flows.learning.successes import Metric
from flows.line.choosing import Learned, accept_learned
from flows.line.planned import last_whole, scan_decisions
from flows.plan import plan_folder, read_plan
from flows.product import read_product
from flows.workspace import weighed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.learning.choices import SoFar
    from flows.line.choosing import AcceptedChoice
    from flows.next_best import NextBest
    from flows.product import Relevance
    from flows.workspace import Workspace

WHERE = "justenough calibrate"
_DIGITS = 4


@dataclass(frozen=True)
class Calibration:
    """What outcomes say of the relevance of products.

    Attributes:
        outcome, within_days: as they are set.
        as_of: the day of the look.
        until: the last day of decisions whose time is over; None: there is none.
        fits: product -> its weights by the rules and as learned.
        thin: products of whose people too few are known: as long as there are any nothing is proposed, since scores are compared.
        thresholds: product -> the score below which nothing would be said: as many people are spoken to as by the rules.
        id: of what is proposed, the same at every look that finds the same; None: nothing is.
        file: what `sql/relevance.yaml` would say then.
        in_use: the day on which the weights that are in use were learned; None: they are the rules'.
    """

    outcome: str
    within_days: float
    as_of: date
    until: date | None = None
    fits: Mapping[str, Fit] = field(default_factory=dict)
    thin: tuple[str, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    id: str | None = None
    file: str | None = None
    in_use: date | None = None


def calibrate(workspace: Workspace, so_far: SoFar | None = None) -> Calibration:
    """What outcomes say of the relevance of the live products of marketing.

    It is proposed where it surely tells better than the rules what happens, in one product at least and in none surely worse.

    Args:
        workspace: says what is weighed.
        so_far: as `told_so_far` has read it; None: it is read.

    Raises:
        UsageError: the setting `next_best` is not there: what relevance was made of is noted with the choices.
        StateError: the ledger cannot be read.
    """
    setting = setting_of(workspace, WHERE)
    metric, today = Metric(setting.outcome, "helped"), moment(None, workspace.settings.zone).as_of
    rows, until = so_far or told_so_far(workspace)
    rules = _rules(workspace)
    found = {
        name: fit(rows.filter(pl.col("product") == name, "is_given"), relevance, is_absence=metric.is_absence)
        for name, relevance in rules.items()
    }
    fits = {name: each for name, each in found.items() if each is not None}
    thin = tuple(name for name, each in found.items() if each is None)
    in_use = workspace.calibrated.learned_on if workspace.calibrated else None
    within_days = setting.within / timedelta(days=1)
    asked = Calibration(setting.outcome, within_days, today, until, fits, thin, in_use=in_use)
    signs = {each.gain.sign for each in fits.values()}
    if thin or 1 not in signs or -1 in signs:
        return asked
    thresholds = {name: _threshold(workspace, name, rules[name], each) for name, each in fits.items()}
    content = _content(setting, fits, thresholds, rules)
    return Calibration(
        **{
            **vars(asked),
            "thresholds": thresholds,
            "id": hashlib.sha256(content.encode()).hexdigest()[:8],
            "file": f"{_HEAD}learned_on: {today}\n{content}",
        }
    )


def learned_weights(found: Calibration) -> Learned | None:
    """What outcomes propose of relevance; None: nothing."""
    if found.file is None or found.id is None:
        return None
    errors = ", ".join(
        f"{name} {100 * each.error_by_rules:.1f} to {100 * each.error:.1f} pt" for name, each in found.fits.items()
    )
    says = (
        f"Scores are the probability of {found.outcome} within {found.within_days:g} days; their errors fall: {errors}"
    )
    return Learned(found.id, WHERE, "weigh", "all products of marketing", says, FILE, found.file)


def accept_weights(workspace: Workspace, proposal_id: str) -> AcceptedChoice:
    """Write the weights that were learned into sql/relevance.yaml, where these are proposed now. Raises as `accept_learned`."""
    return accept_learned(workspace, proposal_id, WHERE, lambda: learned_weights(calibrate(workspace)))


def _rules(workspace: Workspace) -> dict[str, Relevance]:
    """Product -> the weights that a person has set, of the live ones of marketing."""
    templates = workspace.settings.workspace / "templates"
    read = {name: read_product(templates / name).relevance for name in weighed(workspace.products)}
    return {name: relevance for name, relevance in read.items() if relevance is not None}


def _threshold(workspace: Workspace, name: str, rules: Relevance, found: Fit) -> float:
    """The score that as many of the last whole plan's candidates reach as reach the threshold of the rules.

    Where there is no such plan any more: the lowest score of those who were spoken to.
    """
    least = min(each.expected for each in found.learned)
    run_id = last_whole(workspace.settings)
    if run_id is None or not (plan_folder(workspace.settings, run_id) / "decisions").is_dir():
        return _down(least)
    decisions = scan_decisions(plan_folder(workspace.settings, run_id)).filter(pl.col("product") == name)
    rows = decisions.select("terms").collect().with_row_index("row")
    if rows.is_empty():
        return _down(least)
    sizes = {signal: term.size for signal, term in rules.terms.items()}
    learned_then = read_plan(workspace.settings, run_id).order.weights
    then = learned_then[name].weights if name in learned_then else sizes
    terms = rows.explode("terms").drop_nulls("terms").unnest("terms")

    def scores(base: float, weights: Mapping[str, float]) -> pl.Series:
        """By the strength of each signal: its term by its weight then."""
        ratio = {signal: weights[signal] / weight for signal, weight in then.items() if weight and signal in weights}
        factor = pl.col("name").replace_strict(ratio, default=0.0, return_dtype=pl.Float64)
        summed = terms.group_by("row").agg((pl.col("log_odds") * factor).sum())
        return summed.select(1 / (1 + (-(pl.col("log_odds") + base)).exp())).to_series()

    ruled = scores(rules.base, sizes)
    reach = int((ruled >= rules.threshold).sum())
    learned = scores(found.base.learned, {**sizes, **{signal: each.learned for signal, each in found.weights.items()}})
    return _down(float(learned.sort(descending=True)[reach - 1]) if reach else least)


def _down(score: float) -> float:
    scale: int = 10**_DIGITS
    return math.floor(score * scale) / scale


_HEAD = (
    "# The weights of relevance by what happened, with the rules of product.yaml as the prior; then a score is a probability.\n"
    f"# Accepted by a person; written by: {WHERE} --accept\n"
)


def _content(
    setting: NextBest, fits: Mapping[str, Fit], thresholds: Mapping[str, float], rules: Mapping[str, Relevance]
) -> str:
    """The file as YAML, without the day; a signal without a weight by the rules tells nothing of its strength, and has none."""
    lines = [
        f"outcome: {json.dumps(setting.outcome)}",
        f"within_days: {setting.within / timedelta(days=1):g}",
        "products:",
    ]
    for name, each in fits.items():
        learned = {signal: weight.learned for signal, weight in each.weights.items()}
        weights = ", ".join(f"{signal}: {learned.get(signal, 0.0):.4f}" for signal in rules[name].terms)
        lines += [
            f"  {name}:",
            f"    people: {each.people}",
            f"    error: {each.error:.4f}",
            f"    base: {each.base.learned:.4f}",
            f"    threshold: {thresholds[name]}",
            f"    weights: {{{weights}}}",
        ]
    return "\n".join(lines) + "\n"
