"""Messages as people see them, on a page: the row in the inbox and the mail, bubbles of text, a locked screen, cards.

What is a customer's own is set off, with the dimension that it shows. A mail stands in a frame of its own, which runs nothing
and loads nothing, so that its style sheet is nobody else's.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from flows.markup.reading import Tag, Text, tokens
from flows.pages.layout import Html, element, joined
from flows.pages.previews import length, with_facts
from flows.sms_length import ends

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flows.line.previewing import Message, Said

_MARK = """
mark{background:#fde68a;color:#422006;border-radius:3px;padding:0 .1em}
mark::after{content:attr(data-fact);font:600 11px/1 system-ui,sans-serif;color:#422006;background:#fff7d6;
border-radius:3px;padding:1px 4px;margin-left:4px;white-space:nowrap}
"""
_LIGHT_HEIGHT, _DARK_HEIGHT = 560, 600
"""Of the frame of a mail. Chromium tells a frame which colours the device prefers, and not which the page has been switched to;
how high it is, a frame knows. So that is what a mail in a frame is asked for in the place of colours."""
_BETWEEN = (_LIGHT_HEIGHT + _DARK_HEIGHT) // 2
_COLOURS = {"dark": f"(min-height:{_BETWEEN}px)", "light": f"(max-height:{_BETWEEN - 1}px)"}
_PREFERS = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_FRAME = f"<style>{_MARK}:where(a){{text-decoration:underline}}a{{cursor:default}}</style>"
STYLE = f"""{_MARK}
.message{{margin:1rem 0 2rem}}.message h3{{font-size:1rem;margin:0 0 .5rem}}.message p{{margin:.4rem 0}}
.facts{{font-size:.85rem}}.screen{{container-type:inline-size;max-width:60rem}}
.inbox,.push,.card,.bubble{{border-radius:10px;color:light-dark(#111827,#f1f5f9);background:light-dark(#fff,#1e293b);
border:1px solid light-dark(#cbd5e1,#475569)}}
.inbox{{padding:.6rem .8rem;margin-bottom:.5rem;display:grid;gap:0 .8rem;grid-template-columns:1fr auto;line-height:1.4}}
.inbox>*{{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}}.inbox .from{{font-weight:700}}
.inbox .subject{{grid-column:1/3;font-weight:600}}.inbox .preheader{{grid-column:1/3}}
.quiet{{color:light-dark(#475569,#a9b4c4);font-size:.85rem}}
@container (min-width:600px){{.inbox{{grid-template-columns:11rem minmax(0,auto) minmax(0,1fr) auto;align-items:baseline}}
.inbox .subject,.inbox .preheader{{grid-column:auto}}.inbox .time{{order:9}}}}
iframe{{width:100%;height:{_LIGHT_HEIGHT}px;border-radius:10px}}
@media (prefers-color-scheme:dark){{:root:not(:has(#colours-light:checked)) iframe{{height:{_DARK_HEIGHT}px}}}}
:root:has(#colours-dark:checked) iframe{{height:{_DARK_HEIGHT}px}}
iframe{{border:1px solid light-dark(#cbd5e1,#475569);background:light-dark(#fff,#0f172a)}}
pre{{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;margin:.4rem 0}}details{{margin:.4rem 0}}
.phone{{max-width:24rem}}.bubble{{display:inline-block;padding:.6rem .8rem;border-radius:18px 18px 18px 4px}}
.bubble{{overflow-wrap:anywhere;background:light-dark(#e9eef5,#26334a)}}
.bubble .segment+.segment{{border-left:3px solid light-dark(#0369a1,#7dd3fc)}}
.lock{{padding:2.2rem .8rem 1.6rem;border-radius:22px;background:linear-gradient(160deg,#1e3a8a,#0f766e);max-width:24rem}}
.push{{padding:.6rem .8rem;overflow-wrap:anywhere}}.push .top{{display:flex;justify-content:space-between}}
.card{{padding:1rem 1.2rem;max-width:26rem;overflow-wrap:anywhere}}.card .headline{{font-size:1.15rem;font-weight:700}}
.button{{display:inline-block;padding:.4rem .9rem;border-radius:6px;background:#17593f;color:#fff;font-weight:600}}
"""
CHANNEL_NAMES = {
    "email": "E-mail",
    "sms": "Text message",
    "push": "Push, on a locked screen",
    "web": "On the website",
    "ads": "As an ad",
    "call": "To say in a call",
}
FOOT = (
    "Highlighted is what is a customer's own, with the name of what is known.",
    "The page loads nothing: a box stands for each picture, and links in mails lead nowhere.",
)
_NO_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='64' height='32'%3E"
    "%3Crect width='64' height='32' fill='%2394a3b8'/%3E%3C/svg%3E"
)
"""What stands for a picture: the page asks nothing of anywhere, and who has no pictures sees a box, too."""
_ELSEWHERE = re.compile(r"""(\s(?:src|background|poster)\s*=\s*)("[^"]*"|'[^']*')""", re.IGNORECASE)
_MANY = re.compile(r"""\ssrcset\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
_LEADS = re.compile(r"""\shref\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
_LOADED = re.compile(r"""(@import[^;]*;?|url\([^)]*\))""", re.IGNORECASE)


def seen(message: Message, phrases: Mapping[str, str], *, named: str, **attributes: str) -> Html:
    """A message as somebody would see it, and which facts it uses.

    Args:
        message: the words.
        phrases: dimension -> what completes "they know …".
        named: how it is called on the page.
        attributes: of the whole.
    """
    shown = _CHANNELS[message.channel](message, phrases)
    return element(
        "article",
        element("h3", named),
        shown,
        *(element("p", line, class_="facts") for line in facts_used(message, phrases)),
        class_="message",
        data_channel=message.channel,
        data_shown=" ".join(facts_shown(message)),
        **attributes,
    )


def facts_shown(message: Message) -> list[str]:
    """The facts of which some value stands in the words."""
    parts = message.parts.values()
    return sorted({fact for said in parts for facts in said.dimensions for fact in facts})


def facts_used(message: Message, phrases: Mapping[str, str]) -> Iterator[str]:
    """In sentences what is known of the customer there, beside what is set off."""
    shown = facts_shown(message)
    if len(message.facts) > 1:
        yield f"It reads so {with_facts(message.facts)}."
    elif not message.facts[0]:
        yield "It uses nothing that is known of the customer."
    else:
        yield f"It uses {_listed(f'{fact} ({phrases.get(fact, fact)})' for fact in message.facts[0])}."
    silent = [fact for fact in message.facts[0] if fact not in shown]
    if len(message.facts) == 1 and silent:
        yield f"No value of {_listed(silent)} stands in it: which words are used depends on it."


def marked(said: Said, phrases: Mapping[str, str]) -> Html:
    """A text, each value that shows a fact set off."""
    return joined(*_pieces(said, phrases, 0, len(said.text)))


def framed(said: Said, phrases: Mapping[str, str]) -> str:
    """A mail to be put into a frame: values that show a fact set off, nothing loaded, and links that lead nowhere."""
    done, at, held = [], 0, ""
    for token in tokens(said.text):
        raw = getattr(token, "raw", said.text[at:])
        if isinstance(token, Text):
            done.append(_styled(raw) if held else joined(*_pieces(said, phrases, at, at + len(raw), Html)))
        else:
            done.append(_still(raw) if isinstance(token, Tag) else raw)
        if isinstance(token, Tag) and token.name in {"style", "title"}:
            held = "" if token.is_end else token.name
        at += len(raw)
    text = "".join(done)
    head, closing, rest = text.partition("</head>")
    return f"{head}{_FRAME}{closing}{rest}" if closing else f"{_FRAME}{text}"


def _styled(sheet: str) -> str:
    """A style sheet that loads nothing, and goes by the colours that the page is switched to."""
    return _PREFERS.sub(lambda found: _COLOURS[found[1].lower()], _LOADED.sub("none", sheet))


def _still(tag: str) -> str:
    """A tag that loads nothing and leads nowhere."""
    tag = _MANY.sub("", _ELSEWHERE.sub(rf'\1"{_NO_PICTURE}"', tag))
    return _LOADED.sub("none", _LEADS.sub(' role="link" aria-disabled="true"', tag))


def _pieces(said: Said, phrases: Mapping[str, str], start: int, end: int, kind: type[str] = str) -> Iterator[str]:
    """Some of a text, each value that shows a fact set off; `kind` tells whether it is HTML already."""
    at = start
    for (begins, ends_at), facts in zip(said.values, said.dimensions, strict=True):
        first, last = max(begins, start), min(ends_at, end)
        if facts and first < last:
            yield kind(said.text[at:first])
            yield _fact(kind(said.text[first:last]), facts, phrases)
            at = last
    yield kind(said.text[at:end])


def _fact(value: str, facts: Sequence[str], phrases: Mapping[str, str]) -> Html:
    known = _listed(phrases.get(fact, fact) for fact in facts)
    return element("mark", value, data_fact=", ".join(facts), title=f"they know {known}")


def _email(message: Message, phrases: Mapping[str, str]) -> Html:
    subject, preheader = (marked(message.parts[part], phrases) for part in ("subject", "preheader"))
    row = element(
        "div",
        element("span", message.sender_name, class_="from"),
        element("span", "09:41", class_="time quiet"),
        element("span", subject, class_="subject", data_part="subject"),
        element("span", preheader, class_="preheader quiet", data_part="preheader"),
        class_="inbox",
    )
    about = f"From {message.sender_name} <{message.sender_email}>, replies to {message.reply_to}"
    mail = element(
        "iframe",
        sandbox="",
        loading="lazy",
        title=f"The mail: {message.parts['subject'].text}",
        data_part="html",
        srcdoc=framed(message.parts["html"], phrases),
    )
    plain = element(
        "details",
        element("summary", "As plain text"),
        element("pre", marked(message.parts["text"], phrases), data_part="text"),
    )
    return joined(
        element(
            "div",
            row,
            element("p", subject, class_="called"),
            element("p", about, class_="quiet"),
            mail,
            class_="screen",
        ),
        plain,
    )


def _sms(message: Message, phrases: Mapping[str, str]) -> Html:
    body = message.parts["body"]
    places = [0, *ends(body.text, message.encoding or "", message.segments or 0)]
    segments = [
        element("span", *_pieces(body, phrases, start, end), class_="segment", title=f"segment {number}")
        for number, (start, end) in enumerate(pairwise(places), start=1)
    ]
    return element(
        "div",
        element("p", message.sms_sender or message.sender_name, class_="quiet"),
        element("div", *segments, class_="bubble", data_part="body"),
        element("p", length(message), class_="quiet"),
        class_="phone",
    )


def _push(message: Message, phrases: Mapping[str, str]) -> Html:
    top = element("div", element("span", message.sender_name), element("span", "now"), class_="top quiet")
    title, body = (
        element("div", marked(message.parts[part], phrases), data_part=part, class_=kind)
        for part, kind in (("title", "called"), ("body", None))
    )
    return element("div", element("div", top, title, body, class_="push"), class_="lock")


def _card(message: Message, phrases: Mapping[str, str]) -> Html:
    """On the web and in ads: a headline, a text and where it leads."""
    first, *others = message.parts
    who = {"ads": f"Ad · {message.sender_name}", "call": f"To say on the telephone, for {message.sender_name}"}
    top = element("div", who.get(message.channel, message.sender_name), class_="quiet")
    texts = [element("div", marked(message.parts[part], phrases), data_part=part) for part in others]
    headline = element("div", marked(message.parts[first], phrases), data_part=first, class_="headline")
    way = element("p", element("span", message.action_label, class_="button"))
    leads = element("p", f"It leads to {message.action_url}", class_="quiet")
    return element("div", top, headline, *texts, way, leads, class_="card")


def _listed(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


_CHANNELS = {"email": _email, "sms": _sms, "push": _push, "web": _card, "ads": _card, "call": _card}
