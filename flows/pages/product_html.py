"""A product's messages as people see them, as a page: switches for what is known, variant, language, brand and screen.

The switches are plain inputs that the style sheet asks; nothing runs.
"""

from __future__ import annotations

from itertools import product as combinations
from typing import TYPE_CHECKING

from flows.locales import chain
from flows.pages.layout import Html, element, joined, page
from flows.pages.messages_html import CHANNEL_NAMES, FOOT, STYLE, seen
from flows.pages.previews import with_facts
from flows.reasons import MEANING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from flows.line.previewing import Message, Preview

MOST_BYTES = 450_000
"""What a page may weigh: more brands than go into it are left out, and named."""

_STYLE = """
.switches{display:flex;flex-wrap:wrap;gap:.5rem 1rem;position:sticky;top:0;z-index:1;padding:.5rem 0;
background:light-dark(#fff,#0f172a);border-bottom:1px solid light-dark(#cbd5e1,#475569)}
fieldset{border:1px solid light-dark(#cbd5e1,#475569);border-radius:6px;padding:.1rem .6rem .3rem;margin:0;font-size:.9rem}
label{margin-right:.7rem;white-space:nowrap}
@media (max-width:40rem){.switches{position:static}}
@media print{.switches{display:none}}
:root:has(#screen-phone:checked) .screen{max-width:24rem}
:root:has(#colours-light:checked){color-scheme:light}:root:has(#colours-dark:checked){color-scheme:dark}
"""
_SCREEN = {"phone": "phone", "desktop": "desktop"}
_COLOURS = {"system": "as this device", "light": "light", "dark": "dark"}


def product_html(found: Sequence[Preview], *, workspace: str) -> str:
    """The whole page.

    Args:
        found: what each brand that speaks for it says, the first one first; or what one customer would get.
        workspace: its name.
    """
    for many in range(len(found), 0, -1):
        text = _page(found[:many], [other.messages[0].brand for other in found[many:]], workspace)
        if len(text.encode()) <= MOST_BYTES:
            break
    return text


def _page(found: Sequence[Preview], left_out: Sequence[str], workspace: str) -> str:
    about = found[0]
    messages = [message for each in found for message in each.messages]
    switches = _Switches(about.phrases if about.explanation is None else {}, messages)
    whose = "by its segment's examples" if about.explanation is None else "for one customer"
    body = joined(
        element("p", about.need),
        *(element("p", note, class_="quiet") for note in _notes(about, left_out)),
        switches.shown(),
        *_sections(messages, about.phrases, switches),
    )
    style = STYLE + _STYLE + switches.style()
    return page(f"{workspace}: {about.product}, {whose}", body, FOOT, style=style)


def _notes(found: Preview, left_out: Sequence[str]) -> Iterator[str]:
    if found.explanation is not None:
        yield f"By the plan {found.explanation.run_id}."
        if not found.explanation.is_current:
            yield "Settings, words or SQL have changed since."
        if not found.messages:
            reasons = dict.fromkeys(row["reason"] for row in found.explanation.candidates if row["reason"])
            why = "; ".join(MEANING[reason] for reason in reasons) or "not in its segment, or not due there yet"
            yield f"They get nothing of it: {why}."
        return
    yield f"What stands for a customer is an example of sql/segments/{found.segment}.yaml."
    if found.status != "live":
        yield f"It is {found.status}, so nobody gets it."
    for brand in left_out:
        yield f"As {brand} says it: justenough preview {found.product} --brand {brand}"


def _sections(messages: Sequence[Message], phrases: Mapping[str, str], switches: _Switches) -> Iterator[Html]:
    for channel in dict.fromkeys(message.channel for message in messages):
        mine = [message for message in messages if message.channel == channel]
        articles = [seen(message, phrases, named=_named(message), **switches.of(message, mine)) for message in mine]
        yield element("section", element("h2", CHANNEL_NAMES[channel]), *articles)


def _named(message: Message) -> str:
    to = message.target or f"no target of {message.brand}, so to nobody"
    parts = [message.brand, message.locale, *message.variants, with_facts(message.facts)]
    return f"{', '.join(parts)} → {to}"


class _Switches:
    """What can be chosen on a page, and which message is seen when what is."""

    def __init__(self, phrases: Mapping[str, str], messages: Sequence[Message]) -> None:
        """Over some messages.

        Args:
            phrases: dimension -> what completes "they know …"; none leaves no choice of facts.
            messages: all of the page.
        """
        used = {fact for message in messages for facts in message.facts for fact in facts}
        self.facts = [name for name in phrases if name in used]
        self.phrases = phrases
        self.others = {
            "variant": dict.fromkeys(variant for message in messages for variant in message.variants),
            "locale": dict.fromkeys(message.locale for message in messages),
            "brand": dict.fromkeys(message.brand for message in messages),
        }

    def shown(self) -> Html:
        """The inputs."""
        known = [
            joined(element("input", type="checkbox", id=f"fact-{place}", checked=True), *_label(f"fact-{place}", text))
            for place, text in enumerate(f"{name} ({self.phrases[name]})" for name in self.facts)
        ]
        sets = [element("fieldset", element("legend", "What is known"), *known)] if known else []
        for name, values in self.others.items():
            if len(values) > 1:
                sets.append(_choice(name, {str(place): value for place, value in enumerate(values)}))
        return element("div", *sets, _choice("screen", _SCREEN), _choice("colours", _COLOURS), class_="switches")

    def of(self, message: Message, alike: Sequence[Message]) -> dict[str, str]:
        """The attributes by which the style sheet finds a message among those of its channel: places in the choices."""
        there = {other.locale for other in alike}
        kin = [other for other in alike if (other.locale, other.variants) == (message.locale, message.variants)]
        used = {fact for other in kin for facts in other.facts for fact in facts}
        sets = [set(facts) for facts in message.facts]
        masks = [str(mask) for mask, known in enumerate(self._known()) if known & used in sets]
        chosen: dict[str, Callable[[str], bool]] = {
            "variant": lambda variant: variant in message.variants or not message.variants,
            "locale": lambda locale: _spoken(locale, there, alike[0].locale) == message.locale,
            "brand": lambda brand: brand == message.brand,
        }
        told = {
            f"data_{name}": " ".join(str(place) for place, value in enumerate(values) if chosen[name](value))
            for name, values in self.others.items()
        }
        return told | {"data_facts": " ".join(masks)}

    def style(self) -> str:
        """Hides what is not chosen."""
        rules = []
        for mask, known in enumerate(self._known()) if self.facts else ():
            chosen = "".join(
                f":has(#fact-{place}:{'checked' if name in known else 'not(:checked)'})"
                for place, name in enumerate(self.facts)
            )
            rules.append(f':root{chosen} .message:not([data-facts~="{mask}"]){{display:none}}')
        for name, values in self.others.items():
            rules += [
                f':root:has(#{name}-{place}:checked) .message:not([data-{name}~="{place}"]){{display:none}}'
                for place in range(len(values) if len(values) > 1 else 0)
            ]
        return "\n".join(rules)

    def _known(self) -> list[set[str]]:
        """Each set of facts."""
        sides = combinations(*((False, True) for _ in self.facts))
        return [{name for name, side in zip(self.facts, chosen, strict=True) if side} for chosen in sides]


def _spoken(chosen: str, there: set[str], default: str) -> str:
    """The language in which somebody of a locale is told, of those that are there."""
    return next((step for step in chain(chosen) if step in there), default)


def _choice(name: str, values: Mapping[str, str]) -> Html:
    inputs = [
        joined(
            element("input", type="radio", name=name, id=f"{name}-{key}", checked=not place),
            *_label(f"{name}-{key}", text),
        )
        for place, (key, text) in enumerate(values.items())
    ]
    return element("fieldset", element("legend", name), *inputs)


def _label(of: str, text: str) -> list[str]:
    return [" ", element("label", text, for_=of)]
