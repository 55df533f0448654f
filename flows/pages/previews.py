"""Messages as people see them: who speaks, the words, and which of them are a customer's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from flows.pages.explanation import candidate, changed, listed
from flows.sms_length import PART, SINGLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from flows.line.explaining import Explanation
    from flows.line.previewing import Message, Preview, Said

OWN, MARKS = "bold yellow", ("‹", "›")
"""What is a customer's own: in this style, or between these where there are no styles."""


def previewed(found: Preview) -> RenderableType:
    """The messages of a product, with the examples of its segment or for one customer."""
    if found.explanation is not None:
        title = f"{found.product} for {found.explanation.customer_id}, by plan {found.explanation.run_id}"
        notes = _why(found, found.explanation)
    else:
        title = f"{found.product}, with the examples of sql/segments/{found.segment}.yaml"
        others = [brand for brand in found.brands if brand != found.messages[0].brand]
        notes = [f"{listed(others)} would say it too: --brand {others[0]}"] if others else []
        notes += [f"It is {found.status}, so nobody gets it."] if found.status != "live" else []
    head = [Text(title, style="bold"), Text(found.need), *(Text(note, style="dim") for note in notes)]
    return Group(*head, *(_shown(message) for message in found.messages))


def _why(found: Preview, explanation: Explanation) -> list[str]:
    lines = [line for row in explanation.candidates for line in candidate(explanation, row)]
    absent = f"{explanation.customer_id} does not get it: not in the segment {found.segment}, or not due there yet."
    return [*(lines or [absent]), *changed(explanation)]


def _shown(message: Message) -> RenderableType:
    title = Text(_title(message), style="bold")
    lines: list[RenderableType] = [Text(""), title]
    if message.channel == "email":
        sender = f"{message.sender_name} <{message.sender_email}>, replies to {message.reply_to}"
        lines += [_line("From", sender), _own("Subject", message.parts["subject"])]
        lines += [_own("Preheader", message.parts["preheader"]), Text(""), _own("", message.parts["text"])]
        return Group(*lines)
    if message.channel == "sms":
        lines.append(_line("From", message.sms_sender or "–"))
    lines += [_own(part.capitalize(), said) for part, said in message.parts.items()]
    if message.channel == "sms":
        lines.append(_line("Length", length(message)))
    else:
        lines.append(_line("Link", f"{message.action_label}: {message.action_url}"))
    return Group(*lines)


def _title(message: Message) -> str:
    about = f" about {message.subject_id}" if message.subject_id else ""
    target = message.target or f"no target of {message.brand}, so to nobody"
    variants = f", {listed(message.variants)}" if message.variants else ""
    return f"{message.channel}{about} → {target}, in {message.locale}{variants}, {with_facts(message.facts)}"


def with_facts(facts: Sequence[Sequence[str]]) -> str:
    """The sets of facts with which a message reads so."""
    sets = [set(each) for each in facts]
    always = [name for name in facts[-1] if all(name in each for each in sets)]
    sometimes = sorted(set[str]().union(*sets) - set(always))
    if len(sets) != 2 ** len(sometimes):
        return "or ".join(f"{with_facts([each])} " for each in facts).strip()
    parts = [f"with {listed(always)}"] if always else []
    parts += [f"with or without {listed(sometimes)}"] if sometimes else []
    return ", ".join(parts) or "without customer data"


def length(message: Message) -> str:
    """How long a text message is, and what it counts as."""
    segments, encoding = message.segments or 0, message.encoding or ""
    room = SINGLE[encoding] if segments <= 1 else PART[encoding] * segments
    return f"{segments} segment{'' if segments == 1 else 's'}, {message.units} of {room} units ({encoding})"


def _line(label: str, text: str) -> Text:
    return Text(f"  {label}: {text}")


def _own(label: str, said: Said) -> _Own:
    return _Own(f"{label}: " if label else "", said)


@dataclass(frozen=True)
class _Own:
    """A text with a customer's own values set off."""

    label: str
    said: Said

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        before, after = MARKS if console.color_system is None else ("", "")
        text = Text(self.label)
        at = 0
        for start, end in self.said.values:
            text.append(self.said.text[at:start])
            text.append(f"{before}{self.said.text[start:end]}{after}", style=OWN)
            at = end
        text.append(self.said.text[at:])
        text.rstrip()
        for each in text.split("\n", allow_blank=True):
            yield Text("  " if each.plain else "").append_text(each)
