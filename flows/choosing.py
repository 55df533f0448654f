"""The commands that say what was learned of helps and of their relevance, and have a person accept it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING

from flows.answering import say
from flows.app import HERE, Common, app, later

if TYPE_CHECKING:
    from flows import durable, line
    from flows.learning import choices
    from flows.pages import calibrations, choices_html
    from flows.pages import choices as shown
else:
    durable, line, choices = map(later, ("flows.durable", "flows.line", "flows.learning.choices"))
    calibrations, choices_html, shown = (
        later(f"flows.pages.{name}") for name in ("calibrations", "choices_html", "choices")
    )


@app.command(name="next-best")
def next_best(*, accept: str | None = None, page: Path | None = None, common: Common = HERE) -> int:
    """Say what each help does for whom, by choices that were made by lot, and whether to choose by that instead of by the rules.

    Needs the setting next_best. Nothing is proposed that is not surely better than the rules; what is proposed changes nothing
    before somebody accepts it. The exit code is 1 where too little is known yet.

    Examples:
        justenough next-best
        justenough next-best --json
        justenough next-best --page learned.html
        justenough next-best --accept 3f9a1c2e

    Args:
        accept: the id of what is proposed: from the next plan on helps are chosen by it.
        page: write it as a page, with charts, and how true the scores of relevance are, into this file, readable by you alone.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    if accept is not None:
        done = line.accept_choice(workspace, accept)
        say(done, lambda: shown.accepted(done), as_json=common.json)
        return 0
    so_far = choices.told_so_far(workspace)
    found = choices.read_choices(workspace, so_far)
    if page is not None:
        scores = line.calibrate(workspace, so_far)
        durable.write_bytes(page, choices_html.learned_html(found, scores, workspace=workspace.settings.name).encode())
    say(found, lambda: shown.read(found), as_json=common.json)
    return 0 if found.found is not None else 1


@app.command
def calibrate(*, accept: str | None = None, common: Common = HERE) -> int:
    """Say how true the scores of relevance are, and by which weights they would be probabilities, by what came of people.

    Needs the setting next_best. The rules of product.yaml are what one believes before anything has happened; outcomes move them.
    All products of marketing are weighed, or none, since their scores are compared. What is proposed changes nothing before
    somebody accepts it. The exit code is 1 where too little is known of every product.

    Examples:
        justenough calibrate
        justenough calibrate --json
        justenough calibrate --accept 3f9a1c2e

    Args:
        accept: the id of what is proposed: from the next plan on relevance is weighed so.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    if accept is not None:
        done = line.accept_weights(workspace, accept)
        say(done, lambda: shown.accepted(done), as_json=common.json)
        return 0
    found = line.calibrate(workspace)
    say(found, lambda: calibrations.calibrated(found), as_json=common.json)
    return 0 if found.fits else 1
