"""The commands of what people did: outcomes in, and answers to events."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.answering import say, unswept, with_progress
from flows.app import EXIT_WAITING, HERE, Common, app, later
from flows.errors import JustEnoughError, UsageError

if TYPE_CHECKING:
    from flows import line
    from flows.pages import outcomes, responses
else:
    line, outcomes, responses = map(later, ("flows.line", "flows.pages.outcomes", "flows.pages.responses"))


@app.command
def learn(
    *file: Path,
    platform: Annotated[str | None, Parameter(name="--as")] = None,
    common: Common = HERE,
) -> int:
    """Take in what people did after a message: visits, orders, contacts, clicks; and what platforms tell of messages.

    A file is CSV, NDJSON or Parquet with event_id, happened_at, outcome, customer_id or message_id, value, channel; or, with
    --as, what a platform writes. An event counts once, however often it is told. Who unsubscribed or complained, and whose
    address bounced for good, gets nothing any more, even where the rest of a file is refused. Without a file it takes in what
    waits in inbox/outcomes/ of the state folder, where a file goes that is all right, and reads sql/outcomes/.

    Examples:
        justenough learn week.csv
        justenough learn events.ndjson --as sendgrid
        justenough learn

    Args:
        file: that tell of outcomes.
        platform: who wrote them: braze, mailgun, sendgrid or ses; default: they are in our own form.
        common: where, and in which form to answer.
    """
    if platform is not None and not file:
        hint = f"name files; or put them into inbox/outcomes/{platform}/"
        raise UsageError("--as", "it says what files are, and none is named", hint)
    settings = common.settings()  # whoever said stop does not wait for a mistake in a product to be mended
    heard = line.hear(settings, file, platform) if file else line.hear_waiting(settings)
    try:
        workspace = common.loaded()
    except JustEnoughError as error:
        error.add_note(f"what says stop took effect all the same ({heard.stopped:,}), and nothing else came in")
        raise
    done = line.learn(workspace, heard)
    say(done, lambda: outcomes.learned(done), as_json=common.json)
    return 0 if done.is_whole else EXIT_WAITING


@app.command
def respond(*file: Path, common: Common = HERE) -> int:
    """Answer what customers have just done: plan and deliver for those whom events name, at once and in one run.

    An event is an order placed, a basket left, a return started, a sign-up, a page of help opened: whatever it is, the same line
    runs for its customer as does at night, with the crowds and the prices of the last run over everybody. The channel by which
    they came in, where it is open, is the first of `first_of`. A file is CSV or NDJSON with event_id, happened_at, event,
    customer_id, and channel where it is known (email, sms, push, web, app, site, store, call_centre). An event is answered once,
    and nobody gets the same help twice. Without a file it answers what waits in inbox/events/ of the state folder.

    Examples:
        justenough respond baskets.csv
        justenough respond

    Args:
        file: that tell of events.
        common: where, and in which form to answer.
    """
    with unswept():
        workspace = common.loaded()
        done = with_progress(
            lambda progress: (
                line.respond(workspace, file, progress) if file else line.respond_waiting(workspace, progress)
            )
        )
    say(done, lambda: responses.answered(done, workspace.settings.outbox), as_json=common.json)
    return 0 if done.is_whole else EXIT_WAITING
