"""The commands that read out what was tried, by the history or by a table, and that do what is proposed for it."""

from __future__ import annotations

import re
from datetime import date  # noqa: TC003 - cyclopts reads the annotations
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING

from flows.answering import say
from flows.app import EXIT_WAITING, HERE, Common, Several, Switch, app, later
from flows.errors import UsageError

if TYPE_CHECKING:
    from flows import durable, line
    from flows.learning import board as boards
    from flows.learning import experiments, keeping, products
    from flows.learning.policies import evaluation, randomised
    from flows.pages import board as boarded
    from flows.pages import board_html, effects, effects_html, evaluations, evaluations_html, readouts
    from flows.pages import proposals as told
else:
    durable, line = later("flows.durable"), later("flows.line")
    experiments, keeping, products = (
        later(f"flows.learning.{name}") for name in ("experiments", "keeping", "products")
    )
    evaluation, randomised = (later(f"flows.learning.policies.{name}") for name in ("evaluation", "randomised"))
    evaluations, evaluations_html = later("flows.pages.evaluations"), later("flows.pages.evaluations_html")
    effects, effects_html, readouts = (later(f"flows.pages.{page}") for page in ("effects", "effects_html", "readouts"))
    boards, boarded, board_html, told = map(
        later, ("flows.learning.board", "flows.pages.board", "flows.pages.board_html", "flows.pages.proposals")
    )


@app.command
def readout(  # noqa: PLR0913  (an experiment has so many sides)
    *product: str,
    page: Path | None = None,
    since: date | None = None,
    keep: Switch = False,
    data: Path | None = None,
    arm: str | None = None,
    control: str | None = None,
    metric: Several = (),
    covariate: str | None = None,
    share: Several = (),
    planned: int | None = None,
    common: Common = HERE,
) -> int:
    """Say what products have changed, as against those who were held out and variant against variant, and how sure that is.

    It reads the history, and may be looked at every day. What cannot be told is refused with a reason, never guessed; the exit
    code is 1 where nothing can. With --keep, as the flow does every morning, what it proposes waits for `justenough accept`, and
    a product with a guardrail that is worse is paused at once; the exit code is 3 then. With --data it reads out an experiment
    that was run anywhere, from a table.

    Examples:
        justenough readout
        justenough readout care_guide --page readout.html
        justenough readout --keep
        justenough readout --data visits.parquet --arm segment --control "No E-Mail" --metric visit --metric spend
        justenough readout --data week.csv --arm arm --control holdout --metric bought --share holdout=5 --share mailed=95

    Args:
        product: which products; default: all.
        page: write a page with charts into this file, readable by you alone.
        since: the first day of decisions; default: that from which on people were drawn as is set now.
        keep: keep what is found and proposed in the history, and pause what does harm.
        data: instead of the history, a .parquet, .csv or .ndjson file with a row for each unit that was drawn, whatever became
            of it.
        arm: with --data: the column that says which arm a unit is in.
        control: with --data: the arm that the others are held against.
        metric: with --data: a column of numbers, or of true and false; several with several options.
        covariate: with --data: a column of numbers from before the draw: what they explain makes intervals narrower.
        share: with --data: an arm and its share in the draw, as in holdout=5; default: all the same.
        planned: with --data: how many units the experiment is to have in all; default: as many as there are.
        common: where, and in which form to answer.
    """
    if data is not None:
        if product or page or since or keep:
            hint = "leave out products, --page, --since and --keep"
            raise UsageError("justenough readout", "--data is not about products", hint)
        if arm is None or control is None or not metric:
            raise UsageError("--data", "it takes --arm, --control and --metric", "see: justenough readout --help")
        asked = experiments.Asked(arm, control, tuple(dict.fromkeys(metric)), covariate, _shares(share), planned)
        of_table = experiments.read_out(data, asked)
        say(of_table, lambda: readouts.read_out(of_table), as_json=common.json)
        return 0 if of_table.is_answered else 1
    if arm or control or metric or covariate or share or planned:
        hint = "add --data FILE, or leave out all but products, --page, --since and --keep"
        raise UsageError("justenough readout", "there is no table that these options are about", hint)
    if keep and since:
        raise UsageError("--keep", "what is kept is by what is set now", "leave out --since")
    workspace = common.loaded()
    found = keeping.look_and_keep(workspace, product) if keep else products.read_products(workspace, product, since)
    if page is not None:
        durable.write_bytes(page, effects_html.readout_html(found, workspace=workspace.settings.name).encode())
    say(found, lambda: effects.products_read(found), as_json=common.json)
    return EXIT_WAITING if found.paused else 0 if found.is_answered else 1


@app.command
def evaluate(  # noqa: PLR0913  (an experiment has so many sides)
    *,
    data: Path,
    arm: str,
    outcome: Several,
    context: Several = (),
    rule: Several = (),
    propensity: str | None = None,
    share: Several = (),
    cost: Several = (),
    dimensions: int = 3,
    page: Path | None = None,
    common: Common = HERE,
) -> int:
    """Say what each way to choose would have come to: one arm for all, a rule, or by who somebody is; from random draws.

    Policies are learned by one, two, three and all dimensions for each arm, and valued on people whom they were not learned from,
    beside each arm for all. It proposes the one by the fewest dimensions that is surely better than the best arm for all; where
    none is, that arm. What was not drawn at random cannot be valued, and is refused where that shows.

    Examples:
        justenough evaluate --data visits.parquet --arm segment --outcome visit --context recency --context newbie
        justenough evaluate --data drawn.csv --arm help --outcome helped --outcome spend --context age --propensity p --json
        justenough evaluate --data visits.parquet --arm segment --outcome visit --rule ours --cost mens=0.02 --cost womens=0.02

    Args:
        data: a .parquet, .csv or .ndjson file with a row for each unit that was drawn, whatever became of it.
        arm: the column that says which arm was drawn for a unit.
        outcome: a column of numbers, or of true and false, larger where it is better; the first one is learned by.
        context: a column of what was known before the draw; several with several options.
        rule: a column that names the arm which a rule of yours gives each unit.
        propensity: the column of the logged probability of the arm that was drawn; default: one share for all.
        share: an arm and that share, as in holdout=5; default: as many as were drawn.
        cost: an arm and what giving it costs, in units of the first outcome, as in mailed=0.02.
        dimensions: by up to how many for each arm.
        page: write it as a page, with charts, into this file, readable by you alone.
        common: where, and in which form to answer.
    """
    asked = randomised.Asked(
        arm,
        tuple(dict.fromkeys(outcome)),
        tuple(dict.fromkeys(context)),
        tuple(dict.fromkeys(rule)),
        propensity,
        _shares(share),
        _shares(cost, "--cost") or {},
    )
    if propensity and share:
        raise UsageError("--share", "probabilities are logged, and stated", "leave out one of --propensity and --share")
    found = evaluation.evaluate(randomised.read_randomised(data, asked), dimensions=dimensions, costs=asked.costs)
    if page is not None:
        durable.write_bytes(page, evaluations_html.evaluated_html(found).encode())
    say(found, lambda: evaluations.evaluated(found), as_json=common.json)
    return 0


@app.command
def board(*, page: Path | None = None, common: Common = HERE) -> int:
    """Say what all products together have changed, month by month, what that took, and which three decisions wait.

    It holds who got no marketing at all (`global_holdout`) against everybody else, by the history. The exit code is 1 where
    nothing was ever sent.

    Examples:
        justenough board
        justenough board --page board.html

    Args:
        page: write it as a page to print, with charts, into this file, readable by you alone.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    found = boards.read_board(workspace)
    if page is not None:
        durable.write_bytes(page, board_html.board_html(found, workspace=workspace.settings.name).encode())
    say(found, lambda: boarded.board_read(found), as_json=common.json)
    return 0 if found.months else 1


@app.command
def proposals(*, common: Common = HERE) -> int:
    """List what is proposed, with the command that accepts it: a person does it, or nobody.

    Readouts propose to scale, stop, keep testing, use less data. Where the setting next_best is there it is also looked, as
    `justenough next-best` and `justenough calibrate` do, by what helps are chosen, and how relevance is weighed.

    Examples:
        justenough proposals
        justenough proposals --json

    Args:
        common: where, and in which form to answer.
    """
    waiting = line.proposed(common.settings())
    say(waiting.to_dicts(), lambda: told.listed(waiting), as_json=common.json)
    return 0


@app.command
def accept(proposal: str, *, common: Common = HERE) -> int:
    """Do what a proposal says: change product.yaml by as little as it takes, and note it in the workspace's CHANGELOG.md.

    The workspace as it would be is tried first, and what was here before is kept. A proposal that is not about what is there any
    more is refused, and withdrawn. Where it is killed in the middle, the same call once more finishes.

    Examples:
        justenough accept 3f9a1c2e

    Args:
        proposal: its id, as `justenough proposals` lists it.
        common: where, and in which form to answer.
    """
    done = line.accept(common.settings(), proposal)
    say(done, lambda: told.accepted(done), as_json=common.json)
    return 0


def _shares(given: tuple[str, ...], option: str = "--share") -> dict[str, float] | None:
    """Arm -> number, as in `holdout=5`."""
    shares = {}
    for text in given:
        arm, _, weight = text.rpartition("=")
        if not arm or not re.fullmatch(r"\d+(\.\d+)?", weight) or float(weight) == 0:
            hint = f"write an arm and a number, as in {option} holdout=5"
            raise UsageError(option, f"'{text}' is no arm and a number", hint)
        shares[arm] = float(weight)
    return shares or None
