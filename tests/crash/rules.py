"""What each rule of the protocol is for: `python -m tests.crash.rules FOLDER RULE [--off]` prints the judge's verdict as JSON.

For every rule there is a scene: the same kills, stops and restarts, played with the rule and without it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.broken import OFF, RUN_LOCK
from tests.crash.campaign import Campaign
from tests.crash.relay import Order, Run

if TYPE_CHECKING:
    from collections.abc import Callable

MAIL, WEB = "email_file", "web_profiles"
PEOPLE = 16
"""A day: four of each brand and channel; number 0 is of the north and has an e-mail address."""


def run_to(campaign: Campaign, point: str, target: str | None, *off: str) -> Run:
    """A run that has come to a point and waits there."""
    run = campaign.start(*off)
    assert run.heard() == "locked", run.said()
    run.order(Order(campaign.now, point, target))
    assert run.heard() == "there", run.said()
    return run


def killed_at(campaign: Campaign, point: str, target: str | None = MAIL) -> None:
    run_to(campaign, point, target).kill()


def to_the_end(campaign: Campaign, boot: str | None = None) -> int:
    """A run that nobody kills; its exit code."""
    run = campaign.start()
    assert run.heard() == "locked", run.said()
    run.order(Order(campaign.now, boot=boot))
    return _ended(run)


def _ended(run: Run) -> int:
    assert run.heard() == "ended"
    return run.wait()


def _taken(campaign: Campaign) -> Path:
    """The one batch that the consumer has taken away, once it has."""
    for _ in range(1000):
        if found := list(campaign.tiny.folder.with_name("taken").iterdir()):
            return found[0]
        time.sleep(0.01)
    raise TimeoutError


def killed_after_the_rename(campaign: Campaign) -> None:
    campaign.judge.be("greedy")
    campaign.next_day(PEOPLE)
    killed_at(campaign, "renamed")
    _taken(campaign)
    to_the_end(campaign)


def left_alone(campaign: Campaign) -> None:
    campaign.next_day(PEOPLE)
    to_the_end(campaign)


def somebody_takes_the_name(campaign: Campaign) -> None:
    """While a batch is sealed one of the same name appears, such as another state folder's that shares the outbox."""
    campaign.next_day(PEOPLE)
    campaign.wait_for_the_reference()
    run = run_to(campaign, "sealing", MAIL)
    [first] = campaign.reference.outbox.glob(f"{MAIL}/*-1")
    copied = shutil.copytree(first, campaign.tiny.folder / "copied")
    (campaign.tiny.outbox / MAIL).mkdir(exist_ok=True)
    copied.rename(campaign.tiny.outbox / MAIL / first.name)
    time.sleep(0.2)  # the judge has a look
    run.go_on()
    _ended(run)
    to_the_end(campaign)


def killed_in_recovery(campaign: Campaign) -> None:
    campaign.next_day(PEOPLE)
    killed_at(campaign, "sealed")
    killed_at(campaign, "undoing", None)
    to_the_end(campaign)


def power_cut_after_the_rename(campaign: Campaign) -> None:
    """The batch was seen and taken, and after the restart it is in the staging folder again: its rename was not durable."""
    campaign.judge.be("greedy")
    campaign.next_day(PEOPLE)
    killed_at(campaign, "renamed")
    batch = _taken(campaign)
    name = json.loads((batch / "manifest.json").read_bytes())["batch_id"]
    shutil.copytree(batch, campaign.tiny.state / "staging" / name)
    to_the_end(campaign, boot="the next start")


def stopped_while_staged(campaign: Campaign) -> None:
    campaign.next_day(PEOPLE)
    run = run_to(campaign, "payload staged", MAIL)
    campaign.stopper.stop(0)
    run.go_on()
    _ended(run)


def stopped_after_the_plan(campaign: Campaign) -> None:
    campaign.next_day(PEOPLE)
    run = run_to(campaign, "plan settled", None)
    campaign.stopper.stop(0)
    run.go_on()
    _ended(run)


def recovered_while_it_lives(campaign: Campaign) -> None:
    """A run that stands still is taken for dead by another (on a file system without locks), which dies over it."""
    campaign.next_day(PEOPLE)
    still = run_to(campaign, "batch staged", MAIL, RUN_LOCK)
    run_to(campaign, "undone", None, RUN_LOCK).kill()
    still.go_on()
    _ended(still)
    to_the_end(campaign)
    campaign.next_day(PEOPLE)
    to_the_end(campaign)


def two_at_once(campaign: Campaign) -> None:
    """One has looked at what the web holds, when the other wants to begin."""
    campaign.next_day(PEOPLE)
    one, other = run_to(campaign, "members wanted", WEB), campaign.start()
    if RUN_LOCK in campaign.off:
        assert other.heard() == "locked"
        other.order(Order(campaign.now))
        _ended(other)
        one.go_on()
        _ended(one)
    else:
        one.go_on()
        _ended(one)
        assert other.heard() == "locked"
        other.order(Order(campaign.now))
        _ended(other)


SCENES: dict[str, tuple[Callable[[Campaign], None], str]] = {
    "claims before files": (killed_after_the_rename, "double"),
    "the seal before the rename": (killed_after_the_rename, "double"),
    "one rename": (left_alone, "torn"),
    "a rename never replaces": (somebody_takes_the_name, "torn"),
    "state before unlink": (killed_in_recovery, "lost"),
    "a restart means hold": (power_cut_after_the_rename, "double"),
    "absence is the only proof": (killed_after_the_rename, "double"),
    "every seal drains the inbox": (stopped_while_staged, "late"),
    "consent is checked last": (stopped_after_the_plan, "late"),
    "the fence": (recovered_while_it_lives, "double"),
    RUN_LOCK: (two_at_once, "double"),
}
"""Rule -> the scene, and what the judge finds in it without the rule."""
assert SCENES.keys() == OFF.keys()


def play(folder: Path, rule: str, *, is_off: bool) -> dict[str, object]:
    campaign = Campaign.open(folder, off=(rule,) if is_off else ())
    SCENES[rule][0](campaign)
    return campaign.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rule", choices=SCENES)
    parser.add_argument("--off", action="store_true")
    given = parser.parse_args()
    print(json.dumps(play(given.folder, given.rule, is_off=given.off)))  # noqa: T201


if __name__ == "__main__":
    main()
