"""The commands that come after the first six: what people say, and what became of what was delivered."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - cyclopts reads the annotations
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from flows.answering import say, with_progress
from flows.app import EXIT_WAITING, HERE, Common, Switch, app, later
from flows.errors import UsageError
from flows.ledger.states import Said, Told  # noqa: TC001

if TYPE_CHECKING:
    from flows import line
    from flows.line import Way
    from flows.pages import terminal
else:
    line, terminal = later("flows.line"), later("flows.pages.terminal")


@app.command(name="opt-out")
def opt_out(  # noqa: PLR0913  (what people say has so many sides)
    customer: str | None = None,
    *,
    address: str | None = None,
    message_id: str | None = None,
    brand: str = "*",
    channel: str = "*",
    topic: str = "*",
    state: Said = "no",
    until: datetime | None = None,
    source: str | None = None,
    wording: str | None = None,
    file: Path | None = None,
    common: Common = HERE,
) -> int:
    """Note that somebody said stop: nothing that is sealed from then on reaches them. It never waits for a run.

    Examples:
        justenough opt-out C0000018
        justenough opt-out --address ann@example.com --brand nordtal --channel email
        justenough opt-out --file unsubscribed.ndjson

    Args:
        customer: the customer's id; or an address, a message_id or a file instead.
        address: an e-mail address or telephone number: it gets nothing any more, whoever it belongs to.
        message_id: the message that somebody answered to.
        brand: only what this brand sends; default: all.
        channel: only on this channel; default: all.
        topic: only on this topic; default: all.
        state: what was said: no; yes, pending or snooze; or what became of an address: bounced, complained.
        until: when a snooze ends, in the workspace's time zone.
        source: where it was said.
        wording: the words that were agreed to.
        file: many at once, a JSON object with these entries a line (the id as customer_id).
        common: where, and in which form to answer.
    """
    settings = common.settings()
    if file is not None:
        count = line.tell_all(settings, file)
    else:
        said = {
            "customer_id": customer,
            "address": address,
            "message_id": message_id,
            "brand": brand,
            "channel": channel,
            "topic": topic,
            "state": state,
            "until": until and until.replace(tzinfo=settings.zone).isoformat(),
            "source": source,
            "wording": wording,
        }
        count = line.tell(settings, said)
    say({"notices": count}, lambda: terminal.noted(count), as_json=common.json)
    return 0


@app.command
def recover(
    batch: str | None = None,
    *,
    publish: Switch = False,
    abort: Switch = False,
    taken: Switch = False,
    common: Common = HERE,
) -> int:
    """Finish or undo what a killed run has left behind, as every run does first; or decide about a batch on hold.

    A batch is on hold where nobody can know whether its file was seen: the machine restarted in between, or what was carried to
    another end is not there any more. Look at the platform.

    Examples:
        justenough recover
        justenough recover email_file-2026-11-22-1 --publish

    Args:
        batch: a batch on hold, as `justenough recover` names it.
        publish: nobody has seen it: deliver its plan again, as a new batch, without those who have said stop since.
        abort: nobody has seen it: release its claims; the next run decides anew.
        taken: it was loaded: it counts as published.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    chosen: dict[Way, bool] = {"publish": publish, "abort": abort, "taken": taken}
    ways = [way for way, is_chosen in chosen.items() if is_chosen]
    if batch is None and not ways:
        recovered, held = line.recover_now(workspace)
        say({"recovered": recovered, "on_hold": held}, lambda: terminal.recovered(recovered, held), as_json=common.json)
        return EXIT_WAITING if held else 0
    if batch is None or len(ways) != 1:
        hint = "as in: justenough recover email_file-2026-11-22-1 --abort"
        raise UsageError("justenough recover", "it takes one batch and one of --publish, --abort, --taken", hint)
    done = with_progress(lambda progress: line.resolve_hold(workspace, batch, ways[0], progress))
    if done is None:
        say({"batch": batch, "was": ways[0]}, lambda: terminal.resolved(batch, ways[0]), as_json=common.json)
        return 0
    outbox = workspace.settings.outbox
    if isinstance(done, line.Published):
        say(done, lambda: terminal.again(done, outbox), as_json=common.json)
    else:
        say(done, lambda: terminal.delivered(done, outbox), as_json=common.json)
    return EXIT_WAITING if done.is_waiting else 0


@app.command
def acknowledge(
    batch: str,
    told: Told | None = None,
    *,
    file: Path | None = None,
    common: Common = HERE,
) -> int:
    """Note what the other end tells of a batch: written is not sent. What failed or lapsed reached nobody, and may come again.

    Examples:
        justenough acknowledge email_file-2026-11-22-1 loaded
        justenough acknowledge email_file-2026-11-22-1 failed --file bounced.txt
        justenough acknowledge email_file-2026-11-22-1 --file told.csv

    Args:
        batch: as its manifest names it.
        told: loaded, sent, failed or lapsed; left out where the file says it of each message.
        file: a message_id a line, or CSV with the header message_id,state,reason: who complained, unsubscribed or bounced for
            good (complaint, unsubscribed, hard_bounce) gets nothing any more. Default: the whole batch.
        common: where, and in which form to answer.
    """
    found = line.acknowledge(common.settings(), batch, told, file)
    say(found, lambda: terminal.acknowledged(found), as_json=common.json)
    return 0 if found.is_whole else EXIT_WAITING


@app.command
def reconcile(
    target: str,
    file: Path,
    *,
    brand: str = "*",
    missing: Path | None = None,
    common: Common = HERE,
) -> int:
    """Hold a platform's whole suppression list against ours: what is on it gets nothing any more, and what it lacks is told.

    Examples:
        justenough reconcile ses suppressed.csv
        justenough reconcile ses suppressed.csv --brand nordtal --missing upload.csv

    Args:
        target: whose list it is.
        file: the whole list: an address a line, or CSV with a column address, email, phone or token.
        brand: whose account it is from; default: all.
        missing: write the addresses that it lacks into this file, readable by you alone.
        common: where, and in which form to answer.
    """
    found = line.reconcile_list(common.loaded(), target, file, brand, missing)
    say(found, lambda: terminal.reconciled(found), as_json=common.json)
    return 0


@app.command(name="link-key")
def link_key(brand: str, file: Path, *, common: Common = HERE) -> int:
    """Write the keys with which a preference centre reads a brand's links: nothing else can be told or made with them.

    Give the file to whoever runs the pages behind `unsubscribe_url`, `preferences_url` and `helpful_url`, and anew after
    `justenough rotate-key`: it has the retired keys, too, for links that are on their way.

    Examples:
        justenough link-key nordtal nordtal-links.key

    Args:
        brand: whose links.
        file: to write, readable by you alone.
        common: where, and in which form to answer.
    """
    keys = line.write_link_keys(common.settings(), brand, file)
    say({"brand": brand, "file": str(file), "keys": keys}, lambda: terminal.link_key(brand, file), as_json=common.json)
    return 0


@app.command
def verify(token: str, *, common: Common = HERE) -> int:
    """Say what a link of a recipient is about, by the token in its address, or that it is not ours (exit 1).

    Examples:
        justenough verify ujm3…

    Args:
        token: what stands in the address in the place of {token}.
        common: where, and in which form to answer.
    """
    found = line.read_link(common.settings(), token)
    say(found, lambda: terminal.followed(found.action, found.brand, found.message_id), as_json=common.json)
    return 0


strings = App(name="strings", help="The words of products for translators, as gettext catalogues (.po), and back.")
app.command(strings)


@strings.command(name="export")
def export_strings(*product: str, locale: str, to: Path = Path(), common: Common = HERE) -> int:
    """Write the words of products for translators: a catalogue for each, `<product>.<locale>.po`.

    A catalogue that is there already keeps what it says; texts whose source has changed since are marked as fuzzy in it.

    Examples:
        justenough strings export care_guide --locale fr --to translations

    Args:
        product: whose words; default: of all products.
        locale: the language to translate into: fr, or pt-BR.
        to: the folder that they are written to.
        common: where, and in which form to answer.
    """
    found = line.export_strings(common.loaded(), product, locale, to)
    say(found, lambda: terminal.exported(found), as_json=common.json)
    return 0


@strings.command(name="import")
def import_strings(file: Path, *, common: Common = HERE) -> int:
    """Take a translated catalogue back: each of its product's files is written in its language, or, where a text is wrong, none.

    Examples:
        justenough strings import translations/care_guide.fr.po

    Args:
        file: the catalogue, under the name that it was exported with.
        common: where, and in which form to answer.
    """
    found = line.import_strings(common.loaded(), file)
    say(found, lambda: terminal.imported(found), as_json=common.json)
    return 1 if found.wrong else 0


@app.command
def recall(
    *,
    batch: str | None = None,
    product: str | None = None,
    customer_file: Path | None = None,
    common: Common = HERE,
) -> int:
    """Call back what may be sent still: a batch of kind recall names the messages, for each target and brand.

    Without options it calls back what every run does by itself: messages to people who have said stop since, or whose need an
    outcome has ended (`ends_when`). With several options a message has to meet all of them. Each is called back once, and only
    while it is valid and nobody has told that it was sent. It counts as had until the other end tells that it was not sent:
    `justenough acknowledge BATCH failed --file FILE`.

    Examples:
        justenough recall
        justenough recall --product care_guide
        justenough recall --batch email_file-2026-11-22-1 --customer-file complained.txt

    Args:
        batch: what is in this batch, as its manifest names it.
        product: what this product says, whose words were wrong, say.
        customer_file: the messages to the customers whom this file names, an id a line.
        common: where, and in which form to answer.
    """
    which = line.Which(batch, product, customer_file)
    settings = common.settings()
    done = line.recall_now(common.loaded()) if which.is_open else line.recall(settings, which)
    say(done, lambda: terminal.recalled(done, settings.outbox), as_json=common.json)
    return EXIT_WAITING if done.is_waiting else 0


@app.command
def correct(
    batch: str,
    *,
    expect: int | None = None,
    dry_run: Switch = False,
    common: Common = HERE,
) -> int:
    """Correct a batch: one message more to its recipients, once and on purpose, in the words as they are now. Mend these first.

    It shows whom it would reach, and does nothing more unless --expect has that number of people. Whom nobody may speak to any
    more gets none; caps and `once_every` do not stop it, and count it. What nobody has loaded is called back instead:
    `justenough recall`. Its manifest names the batch in `corrects`; what has been corrected is not corrected again, but by
    correcting the correction.

    Examples:
        justenough correct email_file-2026-11-22-1 --dry-run
        justenough correct email_file-2026-11-22-1 --expect 731

    Args:
        batch: that was wrong, as its manifest names it.
        expect: the number of people that was approved; another number is refused.
        dry_run: only show whom it would reach.
        common: where, and in which form to answer.
    """
    workspace = common.loaded()
    if dry_run and expect is not None:
        raise UsageError("justenough correct", "--dry-run delivers nothing", "leave out one of --dry-run and --expect")
    planned, done = with_progress(lambda progress: line.correct(workspace, batch, expect, progress))
    found = {"corrects": batch, "plan": planned, "delivered": done}
    say(found, lambda: terminal.corrected(batch, planned, done, workspace.settings.outbox), as_json=common.json)
    if done is None:
        return 0 if dry_run else EXIT_WAITING
    return EXIT_WAITING if done.is_waiting else 0
