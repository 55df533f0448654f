"""The commands that look after what is kept: forgetting people, retention, new keys, going on after a restore."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flows.answering import plain, say
from flows.app import EXIT_WAITING, HERE, Common, app, later

if TYPE_CHECKING:
    from flows import line, serving
    from flows.pages import upkeep
else:
    line, serving, upkeep = later("flows.line"), later("flows.serving"), later("flows.pages.upkeep")


@app.command
def forget(*customer: str, common: Common = HERE) -> int:
    """Forget people: recall what is on its way, erase what is kept of them, and never speak to them again.

    Without a customer it does what the files in inbox/forget/ of the state folder ask for, an id on each line. Repeat it after
    a kill. The warehouse, and what has been delivered, are not ours: erase them there, too.

    Examples:
        justenough forget C0000018
        justenough forget C0000018 C0000019
        justenough forget

    Args:
        customer: the customers' ids.
        common: where, and in which form to answer.
    """
    settings = common.settings()
    done = line.forget(settings, customer) if customer else line.forget_requested(settings)
    say(done, lambda: upkeep.forgotten(done, settings.outbox), as_json=common.json)
    return EXIT_WAITING if done.on_hold or done.refused or done.untold else 0


@app.command
def retain(*, common: Common = HERE) -> int:
    """Remove what is older than the settings under `retention` keep: plans, copies in the outbox, history, addresses.

    Nothing that can still be needed goes. Under Prefect the flow `retain` does the same every night.

    Examples:
        justenough retain

    Args:
        common: where, and in which form to answer.
    """
    done = line.retain(common.loaded())
    say(done, lambda: upkeep.retained(done), as_json=common.json)
    return 0


@app.command(name="rotate-key")
def rotate_key(*, common: Common = HERE) -> int:
    """Make a new key, and write the history under it, so that the old one tells nothing any more of people in it.

    Nobody gets the same help twice for it, and who was forgotten stays so: the old key is kept for what cannot be written anew.
    Plans of before are not delivered any more. Back the key file up anew.

    Examples:
        justenough rotate-key

    Args:
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    done = line.rotate(workspace)
    say(done, lambda: upkeep.rotated(done, workspace.settings.key_file.name), as_json=common.json)
    return 0


@app.command
def restored(*, common: Common = HERE) -> int:
    """Go on with a ledger from a backup on purpose: people may get again what they had since it was made.

    A run refuses such a ledger. Names of batches that are in the outbox are not used again.

    Examples:
        justenough restored

    Args:
        common: where, and in which form to answer.
    """
    behind = line.restored(common.settings())
    say(behind, lambda: upkeep.accepted(behind), as_json=common.json)
    return 0


@app.command
def serve(*, port: int | None = None, lost_after: int = 90, common: Common = HERE) -> int:
    """Have everything in Prefect, for a small team: a server, the deployments, what looks after runs, and a worker.

    The server answers on this machine alone, at port 4200, and keeps what it knows in the state folder. Where PREFECT_API_URL
    names a server that one is used, unless a port is given. Forms offer the products and targets that there are when this
    starts. Ctrl-C or SIGTERM ends all that it started; what a run had begun the next one finishes or undoes.

    Examples:
        justenough serve
        justenough serve --port 4300

    Args:
        port: start a server at this port, whatever PREFECT_API_URL says.
        lost_after: after how many seconds without a sign of life a run has crashed.
        common: where, and in which form to answer.
    """

    def told(served: serving.Served) -> None:
        found = plain(served)
        say(found, lambda: upkeep.served(found), as_json=common.json)
        sys.stdout.flush()

    serving.Serving.of(common.loaded(), port, lost_after).serve(told)
    return 0
