"""One template file tried: what its words come to on the examples, and what is wrong with them. It runs in a child process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from flows.channels import CHANNELS, RESERVED_SLOTS
from flows.errors import TemplateError
from flows.links import of_recipients
from flows.markup.colours import LEAST, pale
from flows.markup.craft import (
    Owed,
    document_faults,
    fragment_faults,
    read_aloud,
    size_faults,
    text_faults,
    text_message_faults,
)
from flows.markup.reading import Complaint, document, tokens
from flows.markup.safety import TURNING, stray, unsafe
from flows.markup.wholeness import faults, urls
from flows.words import IDENTITY, VALUE, outlines, plain, render_layout

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from flows.channels import Channel
    from flows.line.situations import Situation
    from flows.markup.reading import Element
    from flows.words import Layout, Words

LARGEST_TEXT = 200_000
"""Characters of a part: twice what Gmail shows of an e-mail."""
_LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
Context = dict[str, Any]


@dataclass(frozen=True)
class Trial:
    """A template file with all that it takes to try it.

    Attributes:
        words: the file.
        channel: whose.
        situations: sets of facts and examples.
        layout: what wraps the words, if anything does.
        senders: what the layout is given of each sender.
        hosts: where links may lead to.
    """

    words: Words
    channel: str
    situations: tuple[Situation, ...]
    layout: Layout | None
    senders: tuple[Context, ...]
    hosts: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """What the words came to.

    Attributes:
        said: set of facts -> each text that a part came to, without its layout.
        texts: part -> each text, in its layout where it has one.
        warnings: what is not well made.
    """

    said: Mapping[tuple[str, ...], frozenset[str]]
    texts: Mapping[str, frozenset[str]]
    warnings: tuple[str, ...]


def try_layout(trial: Trial) -> None:
    """Look at a layout by itself: each of its branches, and what it comes to for each sender, around words that say little.

    Raises:
        TemplateError: something in it may not stand in a message.
    """
    layout = trial.layout
    assert layout is not None  # noqa: S101 - that is what it is called for
    for part, steps in layout.steps.items():
        for outline in outlines(steps, {*layout.names, *RESERVED_SLOTS}):
            found = unsafe(tokens(outline), trial.hosts, is_document=True) if layout.blocks[part] else ()
            _refuse(found, layout.sources())
    html = {part.name for part in CHANNELS[trial.channel].parts if part.is_html}
    little = {
        part.name: Markup("<p>Words</p>") if part.name in html else "Words" for part in CHANNELS[trial.channel].parts
    }
    for sender in trial.senders:
        for part in layout.blocks:
            _check_laid(_in_layout(layout, part, sender, little, little[part]), part, trial, layout, sender)


def try_file(trial: Trial) -> Outcome:
    """Try a template file.

    Raises:
        TemplateError: some wording cannot be rendered, comes out broken, or holds what may not stand in a message.
    """
    words, channel = trial.words, CHANNELS[trial.channel]
    for part in words.parts:
        _check_outlines(trial, part.name, is_html=part.is_html)
    texts: dict[str, set[str]] = {part.name: set() for part in words.parts}
    told: dict[tuple[str, ...], set[str]] = {}
    for situation in trial.situations:
        for name, found in texts.items():
            text = plain(words, name, situation.values)
            if text not in found:
                _check(text, name, trial, channel, situation.facts)
            found.add(text)
            told.setdefault(situation.facts, set()).add(text)
    said = {facts: frozenset(found) for facts, found in told.items()}
    laid, warnings = _laid(trial, trial.layout, texts) if trial.layout is not None else (texts, [])
    return Outcome(said, {part: frozenset(found) for part, found in laid.items()}, tuple(dict.fromkeys(warnings)))


def _check_outlines(trial: Trial, part: str, *, is_html: bool) -> None:
    """Every branch, whether an example takes it or not."""
    for outline in outlines(trial.words.steps[part]):
        if is_html:
            _refuse(unsafe(tokens(outline), trial.hosts, is_document=False), trial.words.sources())
        else:
            _refuse(_strayed(outline, trial.hosts), trial.words.sources())


def _strayed(text: str, hosts: Collection[str]) -> Iterator[Complaint]:
    """Addresses in a plain text that lead elsewhere."""
    for url in urls(text):
        if VALUE in url:
            yield Complaint("a value is printed in an address", "let the action's page know its visitor", url)
        elif IDENTITY not in url:
            yield from stray(url, hosts, url, "an address in the text")


def _check(text: str, part: str, trial: Trial, channel: Channel, facts: tuple[str, ...]) -> None:
    words, said = trial.words, f"with {', '.join(facts) or 'no'} facts, part '{part}'"
    if len(text) > LARGEST_TEXT:
        raise TemplateError(words.name, f"{said} is {len(text)} characters long", "shorten the words, or the example")
    if part in channel.one_line and any(letter in text for letter in _LINE_BREAKS):
        what = f"the part '{part}' goes over more than one line"
        raise TemplateError(words.name, what, "write the block on one line, from its tag to its endblock")
    seen = text
    if words.part(part).is_html:
        seen = _check_fragment(text, trial)
    elif found := TURNING.search(text):
        what = f"{said} holds the character U+{ord(found[0]):04X}, which turns the direction of what follows"
        raise TemplateError(words.name, what, "take it out of the words, or of the example")
    for complaint in faults(seen, said, "\n".join(words.sources().values())):
        raise TemplateError(words.name, complaint.what, complaint.hint)
    if not seen.strip() and part not in channel.may_be_blank:
        raise TemplateError(words.name, f"{said} is empty", "give that case words of its own")


def _check_fragment(html: str, trial: Trial) -> str:
    """Words of a layout: whole by themselves, whatever they stand in. Returns what is read of them."""
    root = _read(html, trial, trial.words.sources(), is_document=False)
    has_pictures = any(element.name == "img" for element in root.walk())
    return read_aloud(root) or ("picture" if has_pictures else "")


def _laid(trial: Trial, layout: Layout, texts: Mapping[str, set[str]]) -> tuple[dict[str, set[str]], list[str]]:
    """The texts in the layout of each sender: of text messages all, because they are paid by length, else the longest."""
    laid: dict[str, set[str]] = {part: set() for part in layout.blocks}
    warnings: list[str] = []
    html = {part.name for part in CHANNELS[trial.channel].parts if part.is_html}
    longest = {part: max(sorted(found), key=len) for part, found in texts.items()}
    parts = {part: Markup(text) if part in html else text for part, text in longest.items()}  # noqa: S704
    for sender in trial.senders:
        for part in layout.blocks:
            whole = _in_layout(layout, part, sender, parts, parts[part])
            if part in html:
                _refuse(size_faults(whole), trial.words.sources())
            if sender is trial.senders[0]:  # the others' layouts are looked at by themselves
                root = _check_laid(whole, part, trial, layout, sender)
                warnings += _hard_to_read(root, trial, layout) if root else []
            others = sorted(texts[part]) if trial.channel == "sms" else []
            laid[part] |= {whole, *(_in_layout(layout, part, sender, parts, text) for text in others)}
    return {**texts, **laid}, warnings


def _in_layout(layout: Layout, part: str, sender: Context, parts: Mapping[str, str], content: str) -> str:
    return render_layout(layout, part, {**sender, **parts, **_reserved_values(sender), "content": content})


def _check_laid(text: str, part: str, trial: Trial, layout: Layout, sender: Context) -> Element | None:
    """A whole message; where it is HTML, its tree."""
    if not layout.blocks[part]:
        _check_text(text, trial, layout, sender)
        return None
    root = _read(text, trial, layout.sources(), is_document=True)
    _refuse(document_faults(root, _owed(sender)), layout.sources())
    return root


def _hard_to_read(root: Element, trial: Trial, layout: Layout) -> list[str]:
    sources = {**trial.words.sources(), **layout.sources()}
    return [
        f"{_place(found.raw, sources)}: '{found.text[:40]}' has a contrast of {found.contrast:.2f} in "
        f"{'dark' if found.is_dark else 'light'} mode, and {LEAST} can be read; change its colour, or what is behind it"
        for found in pale(root)
    ]


def _read(html: str, trial: Trial, sources: Mapping[str, str], *, is_document: bool) -> Element:
    """The tree of some HTML that may be sent."""
    found = list(tokens(html))
    _refuse(unsafe(found, trial.hosts, is_document=is_document), sources)
    root, misfit = document([token for token in found if not isinstance(token, Complaint)])
    _refuse([misfit] if misfit else [], sources)
    _refuse(fragment_faults(root), sources)
    return root


def _check_text(text: str, trial: Trial, layout: Layout, sender: Context) -> None:
    sources, owed = layout.sources(), _owed(sender)
    if owed is not None:
        missing = text_message_faults(text, sender["brand"]["sms_stop_word"])
        _refuse(text_faults(text, owed) if trial.channel == "email" else missing, sources)
    written = "\n".join([*sources.values(), *trial.words.sources().values()])
    _refuse(faults(text, f"the layout of {sender['brand']['name']}", written), sources)
    _refuse(_strayed(text, trial.hosts), sources)


def _owed(sender: Context) -> Owed | None:
    brand = sender["brand"]
    return Owed(brand["postal_address"], brand["unsubscribe_url"]) if sender["is_marketing"] else None


def _reserved_values(sender: Context) -> Context:
    return of_recipients(sender["brand"], is_marketing=sender["is_marketing"])


def _refuse(complaints: Iterable[Complaint], sources: Mapping[str, str]) -> None:
    for complaint in complaints:
        raise TemplateError(_place(complaint.near, sources), complaint.what, complaint.hint)


def _place(near: str, sources: Mapping[str, str]) -> str:
    """The file and line where a text stands, up to the first value in it; the first file where it stands nowhere."""
    written, value, _ = near.replace(IDENTITY, VALUE).partition(VALUE)
    written = (written + ("{{" if value else "")).split("\n", 1)[0]
    while len(written) > 1:
        for name, source in sources.items():
            at = source.find(written)
            if at >= 0:
                return f"{name}:{source.count(chr(10), 0, at) + 1}"
        written = written[: max(len(written) * 3 // 4, 1) if len(written) > 4 else len(written) - 1]
    return next(iter(sources))
