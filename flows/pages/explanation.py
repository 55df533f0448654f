"""A customer's decision in sentences: what they get, why, why not the others, and what they had before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rich.console import Group
from rich.text import Text

from flows.audience import HELD_OUT
from flows.experiment import USUAL
from flows.pages.choices import why_chosen
from flows.pages.sentences import points
from flows.pages.upcoming import coming
from flows.reasons import MEANING
from flows.stops import STOP_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from flows.line.explaining import Explanation, Row


def explained(found: Explanation) -> RenderableType:
    """What one customer gets, why, why not the rest, and what was before."""
    title = Text(f"{found.customer_id} in plan {found.run_id}", style="bold")
    lines = [line for row in sorted(found.candidates, key=_got_first) for line in candidate(found, row)]
    if not found.candidates:
        lines.append("No live product's segment has this customer.")
    elif found.elsewhere:
        lines.append(f"Not in the segments of {listed(found.elsewhere)}, or not due there yet.")
    lines += [line for row in found.left_out for line in left_out(found, row)]
    if found.not_left_out:
        lines.append(f"Not in {listed(found.not_left_out)}, whom other ad campaigns leave out.")
    lines += changed(found)
    lines += coming(found.coming)
    if found.messages:
        lines += ["Before:", *(f"  {line}" for row in found.messages for line in message(row, found))]
    return Group(title, *map(Text, lines))


def candidate(found: Explanation, row: Row) -> list[str]:
    """What became of one help for the customer: a sentence, and below it the reasons."""
    if row["reason"] is None:
        return _got(found, row)
    first = f"{found.customer_id} does not get {_help(row)}: {WHY[row['reason']](row, found)} ({row['reason']})."
    comes_from_channels = any(way["reason"] == row["reason"] for way in row["closed"])
    too = {"OUTRANKED": ", too", "HOLDOUT": ""}.get(row["reason"])
    fits = [] if too is None else [f"  It fits{too}: {_fit(row)}."]
    fits += why_chosen(row) if row["reason"] == "HOLDOUT" else []
    return [first, *fits, *(_not_by(way, row) for way in row["closed"] if comes_from_channels)]


def left_out(found: Explanation, row: Row) -> list[str]:
    """Whether other campaigns leave the customer out, why or why not, and since when their platform knows."""
    who, campaigns, is_drawn = found.customer_id, f"Other ad campaigns of {row['brand']}", row["audience"] == HELD_OUT
    behind = "they are held out of all products" if is_drawn else f"sql/audiences/{row['audience']}.sql names them"
    if row["is_named"] and row["reason"] is None:
        use = [f"  The use: {row['why'].rstrip('.')}."] if row["why"] else []
        return [f"{campaigns} leave {who} out: {behind}.", *use, _handed_over(row)]
    if not row["is_named"] and not row["is_looked_at"]:
        first = f"{campaigns} leave {who} out as one of {row['audience']}, at which this plan did not look."
        return [first, _handed_over(row)]
    if row["is_named"]:
        why = _NOT_LEFT_OUT.get(row["reason"], MEANING[row["reason"]])
        first = f"{campaigns} do not leave {who} out, though {behind}: {why} ({row['reason']})."
    else:
        first = f"{campaigns} need not leave {who} out any more as one of {row['audience']}."
    return [first, *([_handed_over(row, ", until the next delivery takes them away")] if row["is_held"] else [])]


def _handed_over(row: Row, until: str = "") -> str:
    """Since which batch a platform has somebody in an audience that is left out."""
    if not row["is_held"]:
        return f"  {row['target']} is to be told with the next delivery, as {row['code']}."
    since = f" since batch {row['since_batch']}" if row["since_batch"] else ""
    return f"  {row['target']} has them in {row['code']}{since}{until}."


def changed(found: Explanation) -> list[str]:
    """A warning where the plan is of another workspace than what is there now."""
    warning = "Settings, words or SQL have changed since; `justenough plan` makes a new plan."
    return [] if found.is_current else [warning]


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def used(facts: Sequence[str]) -> str:
    """What is used of what is known about somebody."""
    return f"using {listed(facts)}" if facts else "using no customer data"


_NOT_LEFT_OUT = {
    "NO_CONSENT": "they have not agreed to ads as a whole, or no longer",
    "UNREACHABLE": "there is no address that the platform knows people by",
    "DUPLICATE_ADDRESS": "another customer with the same address stands for it",
}
"""What a reason means of somebody to whom nothing is said; the others mean what they always do."""


def _got_first(row: Row) -> tuple[bool, str]:
    return row["reason"] is not None, row["brand"]


def _got(found: Explanation, row: Row) -> list[str]:
    deliveries = [way for way in found.deliveries if _is_of(way, row)]
    leaving = [way for way in deliveries if way["reason"] is None]
    until = f"until {_at(row['valid_until'], found)}"
    if leaving:
        first = f"{found.customer_id} gets {_help(row)}: {_ways(leaving)}, {until}."
    elif row["product"] not in found.products:
        first = f"{_help(row)} was decided on, but this plan delivers only {listed(found.products)}."
    else:
        first = f"{_help(row)} was decided on, but none of it leaves."
    need = [f"  The need: {row['need'].rstrip('.')}."] if row["need"] else []
    closed = {way["channel"] for way in row["closed"]}
    stopped = [way for way in deliveries if way["reason"] is not None and way["channel"] not in closed]
    spare = [_spare(way, deliveries) for way in row["spare"]]
    return [
        first,
        *need,
        f"  It fits: {_fit(row)}.",
        *why_chosen(row),
        *_known(leaving, found),
        *_allowed(leaving, found),
        *_timed(leaving, found),
        *(_not_by(way, row) for way in (*row["closed"], *stopped)),
        *spare,
    ]


def _known(leaving: Sequence[Row], found: Explanation) -> list[str]:
    """Each fact that is used, and since when it is known where the segment tells."""
    at = {known["dimension"]: known["at"] for way in leaving for known in way.get("facts_at") or []}
    facts = dict.fromkeys(fact for way in leaving for fact in way["facts"] if fact in at)
    return [f"  It uses {_phrase(fact, found)}{_since(at[fact])}." for fact in facts]


def _allowed(leaving: Sequence[Row], found: Explanation) -> list[str]:
    """By which right each channel is used; one sentence for those that rely on the same."""
    rights: dict[str, list[str]] = {}
    for way in leaving:
        if "consent_key" in way:
            rights.setdefault(_right(way, found, "They agreed"), []).append(way["channel"])
    return [f"  By {listed(channels)}: {right}" for right, channels in rights.items()]


def _timed(leaving: Sequence[Row], found: Explanation) -> list[str]:
    """When it may be sent, where that is not at any time until it is over: quiet hours come before or after."""
    return [
        f"  By {way['channel']} it may be sent from {_at(way['not_before'], found)} until {_at(way['not_after'], found)}."
        for way in leaving
        if way.get("not_after") and way["not_after"] < way["valid_until"]
    ]


def _spare(channel: str, deliveries: Sequence[Row]) -> str:
    """Why an open channel is not used that comes after the first one; or why it is."""
    if channel in {way["channel"] for way in deliveries}:
        return f"  By {channel}, since the budget of an earlier channel of `first_of` goes to better uses."
    if "OVER_BUDGET" in {way["reason"] for way in deliveries}:
        return f"  Not by {channel}: {MEANING['OVER_BUDGET']} (OVER_BUDGET)."
    return f"  Not by {channel}: an earlier channel of `first_of` is open."


def _ways(leaving: Sequence[Row]) -> str:
    """By which channels, to which targets; with the facts of each where they differ."""
    facts = {tuple(way["facts"]) for way in leaving}
    if len(facts) == 1:
        return f"{listed(_by(way) for way in leaving)}, {used(leaving[0]['facts'])}"
    return listed(f"{_by(way)} {used(way['facts'])}" for way in leaving)


def _by(way: Row) -> str:
    return f"by {way['channel']} ({way['target']})"


def _help(row: Mapping[str, Any]) -> str:
    """`care_guide of nordtal about o12`, as far as the row tells."""
    brand = f" of {row['brand']}" if row.get("brand") else ""
    return f"{row['product']}{brand}" + (f" about {row['subject_id']}" if row["subject_id"] else "")


def _not_by(way: Row, row: Row) -> str:
    """Why a channel is not used."""
    if way["reason"] in ("UNREACHABLE", "STALE_CONTEXT") and way.get("detail"):
        why = way["detail"]
    elif way["reason"] == "UNREACHABLE" and row["unserved"] is not None:
        why = "the brand has no target for it" if way["channel"] in row["unserved"] else "there is no address for it"
    elif way["reason"] == "OVER_BUDGET" and way.get("detail"):
        why = f"{MEANING['OVER_BUDGET']}: {way['detail']}"
    elif way["reason"] == "CAPPED" and way.get("detail"):
        why = f"capped {_until(way['detail'])}"
    else:
        why = _files(way["detail"]) if way.get("detail") else MEANING[way["reason"]]
    return f"  Not by {way['channel']}: {why} ({way['reason']})."


def _fit(row: Row) -> str:
    """The score, how much is needed, and where it comes from."""
    if not row["terms"]:
        return "it is for everybody in its segment"
    needed = f", and {row['threshold']:.2f} is enough" if row["threshold"] is not None else ""
    learned = row.get("calibrated")
    what = (
        f"the probability of {learned['outcome']}, as learned from {learned['people']:,} people, is"
        if learned
        else "score"
    )
    return f"{what} {row['score']:.2f}{needed}: {_terms(row)}"


def _terms(row: Row) -> str:
    return ", ".join(f"{_term(term)} ({term['log_odds']:+.2f})".replace("-", "−") for term in row["terms"])


def _term(term: Row) -> str:
    """A signal in words: `delivered 2 days ago`, `opened care page`, `opened care page: no`, `late days 4`."""
    words = str(term["name"]).replace("_", " ")
    if term["age_days"] is not None:
        return f"{words.removesuffix(' at')} {_ago(term['age_days'])}"
    if words.endswith(" at") and not term["log_odds"]:
        return f"{words.removesuffix(' at')} long ago, or not known"
    if term["value"] is None or term["value"] == 1:
        return words
    return f"{words} {term['value']:g}" if term["value"] else f"{words}: no"


def _ago(days: float) -> str:
    """Days are counted up to a hundred."""
    if days < 1:
        return "within a day"
    return f"{days:.0f} day{'' if round(days) == 1 else 's'} ago" if days <= 100 else "long ago"


def _at(instant: datetime, found: Explanation) -> str:
    return f"{instant.astimezone(ZoneInfo(found.time_zone)):%Y-%m-%d %H:%M} ({found.time_zone})"


def _is_of(way: Row, row: Row) -> bool:
    return all(way[name] == row[name] for name in ("product", "brand", "subject_id"))


def _files(detail: str) -> str:
    stops = [name.removeprefix(STOP_OF) for name in detail.split(", ") if name.startswith(STOP_OF)]
    files = [f"sql/exclusions/{name}.sql" for name in detail.split(", ") if not name.startswith(STOP_OF)]
    said = [f"{listed(files)} {'names' if len(files) == 1 else 'name'} them"] if files else []
    return " and ".join([*said, *(f"the country {name} is stopped" for name in stops)])


def _excluded(row: Row, _found: Explanation) -> str:
    detail = row.get("detail") or ", ".join(sorted({way["detail"] for way in row["closed"] if way.get("detail")}))
    return _files(detail) if detail else MEANING["EXCLUDED"]


def _stale(row: Row, found: Explanation) -> str:
    return f"the occasion was over at {_at(row['valid_until'], found)}"


def _repeated(row: Row, found: Explanation) -> str:
    if row["had_on"] is not None:
        return f"their last turn was on {row['had_on']}, and the next is on {row['due_on']} at the earliest"
    return "they have had a decision today already" if found.is_current else MEANING["REPEATED"]


def _capped(row: Row, _found: Explanation) -> str:
    return f"they are capped {_until(row['detail'])}" if row["detail"] else MEANING["CAPPED"]


def _until(detail: str) -> str:
    """By which cap, and until when; days end at midnight, and need no time."""
    return detail.replace(" 00:00: ", ": ")


def _below(row: Row, _found: Explanation) -> str:
    choice = row.get("choice")
    if choice is not None and choice["is_silent"]:
        return (
            f"by what was learned no help that is open is worth a contact to them, this one {points(choice['worth'])}"
        )
    needed = f", and {row['threshold']:.2f} is needed" if row["threshold"] is not None else ""
    return f"it does not fit well enough now, with a score of {row['score']:.2f}{needed}: {_terms(row)}"


def _outranked(row: Row, found: Explanation) -> str:
    winner, choice = row["winner"], row.get("choice")
    if winner is None:
        return MEANING["OUTRANKED"]
    if choice is not None and choice["is_drawn"]:
        return f"{_help(winner)} was drawn by lot among {choice['among']} helps, so that one learns"
    if choice is not None and choice["worth"] is not None and choice["product"] != winner["product"]:
        same = (each.get("choice") for each in found.candidates if each["product"] == winner["product"])
        does = next((each["worth"] for each in same if each is not None and each["brand"] == row["brand"]), None)
        if does is not None:
            return f"{_help(winner)} does more for them by what was learned, {points(does)} against {points(choice['worth'])}"
    return f"{_help(winner)} fits better, with {winner['score']:.2f} against {row['score']:.2f}"


def _silenced(row: Row, _found: Explanation) -> str:
    service = row["service"]
    return f"{_help(service)} goes to them today, and service comes first" if service else MEANING[row["reason"]]


def _held_out(row: Row, _found: Explanation) -> str:
    why = "another system treats a few people as it always has" if row.get("variant") == USUAL else _NOTHING
    choice = row.get("choice")
    is_ranked = choice is None or (choice["worth"] is None and not choice["is_drawn"])
    which = f"fits best ({row['score']:.2f})" if is_ranked else "was chosen"
    return f"it is the one that {which}, and {why}, to measure what it changes"


_NOTHING = "a few people get nothing"


def _plainly(row: Row, _found: Explanation) -> str:
    return MEANING[row["reason"]]


WHY: dict[str, Callable[[Row, Explanation], str]] = {
    **dict.fromkeys(MEANING, _plainly),
    "EXCLUDED": _excluded,
    "STALE_CONTEXT": _stale,
    "REPEATED": _repeated,
    "CAPPED": _capped,
    "BELOW_THRESHOLD": _below,
    "OUTRANKED": _outranked,
    "SILENCED_BY_SERVICE": _silenced,
    "HOLDOUT": _held_out,
}
"""The sentence of each reason; those without one of their own say what the reason means."""


def message(row: Row, found: Explanation) -> list[str]:
    """What one past message was, what it used of what is known, where that came from, and by which right it was sent."""
    what = f"{row['product']} of {row['brand']}"
    if row["channel"] is None:
        return [f"{row['as_of']}: {what} was held back, to measure what it changes ({row['state']})"]
    version = f" version {row['product_version']}" if row["product_version"] else ""
    first = f"{row['as_of']}: {row['channel']} with {what}{version}, {used(row['facts'] or [])} ({row['state']})"
    if row["product_version"] is None:
        return [first]
    known_at = {known["dimension"]: known["at"] for known in row["facts_at"] or []}
    behind = {source["dimension"]: source["columns"] for source in row["sources"] or []}
    return [
        first,
        *(
            f"  It used {_phrase(fact, found)}{_since(known_at.get(fact))}{_from(behind.get(fact))}."
            for fact in row["facts"]
        ),
        *([f"  They could tell that it is about {listed(_phrases(row['because'], found))}."] if row["because"] else []),
        f"  {_right(row, found)} Its words: {row['words_sha256'][:12]}…",
    ]


def _phrases(dimensions: Iterable[str], found: Explanation) -> list[str]:
    """Dimensions as what completes "they know …"."""
    return [_phrase(name, found) for name in dimensions]


def _phrase(dimension: str, found: Explanation) -> str:
    """`“my last order” (last_order)`: the catalogue's words, for a dimension that it still has."""
    phrase = found.phrases.get(dimension)
    return f"“{phrase}” ({dimension})" if phrase else dimension


def _since(at: datetime | None) -> str:
    return f", as it was known on {at:%Y-%m-%d %H:%M} UTC" if at else ""


def _from(columns: Sequence[str] | None) -> str:
    return f", from {', '.join(columns)}" if columns else ""


def _right(row: Row, found: Explanation, agreed_to: str = "They had agreed") -> str:
    """By which right a message was sent, or is to be."""
    if row["consent_key"] is None:
        return (
            "A service message, which needs no consent."
            if row["message_type"] == "service"
            else "No consent was needed."
        )
    agreed = row["agreed"]
    if agreed is None and found.rehearses:
        return "That they agreed to it is taken for granted in this rehearsal."
    if agreed is None:
        return f"{agreed_to} to it; the consent that it relied on is not in the warehouse any more."
    where = f" ({agreed['source']})" if agreed["source"] else ""
    wording = f", to “{agreed['wording']}”" if agreed["wording"] else ""
    return f"{agreed_to} to it on {_at(agreed['happened_at'], found)}{where}{wording}."
