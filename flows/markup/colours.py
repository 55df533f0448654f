"""Colours of a document as a mail program resolves them, in light and in dark mode, and the contrast of its text.

Only what can be told for certain is judged: selectors of elements, classes and ids, colours written out. A style with anything
else in it is read as if that were not there.

Source: WCAG 2.2, relative luminance and contrast ratio; success criterion 1.4.3 asks for 4.5 to 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from flows.markup.reading import Element, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LEAST = 4.5
Colour = tuple[int, int, int]
Ground = Colour | None
"""A colour, or one that cannot be told: a gradient, a picture, a variable."""

_NAMED: Mapping[str, Colour] = {
    "black": (0, 0, 0), "silver": (192, 192, 192), "gray": (128, 128, 128), "grey": (128, 128, 128), "white": (255, 255, 255),
    "maroon": (128, 0, 0), "red": (255, 0, 0), "purple": (128, 0, 128), "fuchsia": (255, 0, 255), "green": (0, 128, 0),
    "lime": (0, 255, 0), "olive": (128, 128, 0), "yellow": (255, 255, 0), "navy": (0, 0, 128), "blue": (0, 0, 255),
    "teal": (0, 128, 128), "aqua": (0, 255, 255), "orange": (255, 165, 0),
}  # fmt: skip
_WRITTEN = re.compile(r"#[0-9a-f]{6}\b|#[0-9a-f]{3}\b|rgb\(\s*\d+\s*,\s*\d+\s*,\s*\d+\s*\)|\b[a-z]+\b", re.IGNORECASE)
_COMPOUND = re.compile(r"(?:[a-z][a-z0-9]*|\*|:root)?(?:[.#][a-z_][\w-]*)*", re.IGNORECASE)
_MEDIA = re.compile(r"@media([^{]*)\{((?:[^{}]*\{[^{}]*\})*[^{}]*)\}", re.IGNORECASE)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_UNSEEN = {"head", "title", "style"}
_LEFT_AS_IT_IS = {"", "currentcolor", "inherit", "initial", "none", "revert", "transparent", "unset"}
_UNTOLD = re.compile(r"gradient|url\(|var\(|rgba|hsl", re.IGNORECASE)


@dataclass(frozen=True)
class _Rule:
    """One selector with what it says of one property: `color` or `background`."""

    parts: tuple[tuple[str, ...], ...]  # per element its name ("" for any), then classes and ids with their sign
    name: str
    colour: Ground
    weight: tuple[bool, bool, int, int, int]  # important, inline, ids, classes, elements


@dataclass(frozen=True)
class Pale:
    """A text that is hard to read."""

    text: str
    raw: str
    is_dark: bool
    contrast: float


def pale(root: Element) -> Iterator[Pale]:
    """The texts of a document whose contrast with what is behind them is too small."""
    css = "\n".join(element.text for element in root.walk() if element.name == "style")
    schemes = [False, True] if "prefers-color-scheme" in css or "color-scheme: light dark" in css else [False]
    for is_dark in schemes:
        rules = _rules(css, is_dark)
        seen: dict[tuple[Colour, Colour], float] = {}
        for element, front, back in _coloured(root, rules, _CANVAS[is_dark]):
            if front is None or back is None:
                continue
            contrast = seen.setdefault((front, back), ratio(front, back))
            if contrast < LEAST:
                text = " ".join("".join(child.text for child in element.children if isinstance(child, Text)).split())
                yield Pale(text, element.raw, is_dark, contrast)


_CANVAS: Mapping[bool, tuple[Colour, Colour]] = {
    False: ((0, 0, 0), (255, 255, 255)),
    True: ((255, 255, 255), (18, 18, 18)),
}
"""Text and ground where nothing is said of them; in the dark, as browsers draw `color-scheme: dark`."""


def ratio(one: Colour, other: Colour) -> float:
    """The contrast of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: Colour) -> float:
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _coloured(
    element: Element, rules: Sequence[_Rule], inherited: tuple[Ground, Ground]
) -> Iterator[tuple[Element, Ground, Ground]]:
    """Every element with text of its own that is seen, its colour and the ground behind it."""
    style = (element.attributes.get("style") or "").replace(" ", "").lower()
    if element.name in _UNSEEN or "display:none" in style:
        return
    said = _said(element, rules)
    front, back = said.get("color", inherited[0]), said.get("background", inherited[1])
    if any(isinstance(child, Text) and child.text.strip() for child in element.children):
        yield element, front, back
    for child in element.children:
        if isinstance(child, Element):
            yield from _coloured(child, rules, (front, back))


def _said(element: Element, rules: Sequence[_Rule]) -> dict[str, Ground]:
    """What counts of all that is said of an element's colours."""
    said: dict[str, Ground] = {}
    for name, attribute in (("background", "bgcolor"), ("color", "color")):
        if attribute in element.attributes:
            said[name] = colour(element.attributes[attribute] or "")
    own = _declared((), element.attributes.get("style") or "", is_inline=True)
    fitting = [rule for rule in rules if _fits(rule.parts, element)]
    for rule in sorted([*fitting, *own], key=lambda rule: rule.weight):
        said[rule.name] = rule.colour
    return said


def _fits(parts: Sequence[tuple[str, ...]], element: Element) -> bool:
    if not _is(parts[-1], element):
        return False
    waiting = list(parts[:-1])
    for above in [] if element.parent is None else element.parent.ancestors():
        if waiting and _is(waiting[-1], above):
            waiting.pop()
    return not waiting


def _is(compound: tuple[str, ...], element: Element) -> bool:
    name, *marks = compound
    if name not in {"", "*", element.name} and not (name == ":root" and element.name == "html"):
        return False
    if not marks:
        return True
    classes, identity = (element.attributes.get("class") or "").split(), element.attributes.get("id")
    return all(mark[1:] in classes if mark[0] == "." else mark[1:] == identity for mark in marks)


@cache
def _rules(css: str, is_dark: bool) -> tuple[_Rule, ...]:  # noqa: FBT001 - cached by place
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    plain = _MEDIA.sub("", css)
    dark = [inner for query, inner in _MEDIA.findall(css) if re.search(r"prefers-color-scheme\s*:\s*dark", query)]
    return tuple(
        rule
        for text in [plain, *(dark if is_dark else [])]
        for selectors, declarations in _RULE.findall(text)
        for selector in selectors.split(",")
        if (parts := selector.split()) and all(_COMPOUND.fullmatch(part) for part in parts)
        for rule in _declared(
            tuple(tuple(re.split(r"(?=[.#])", part)) for part in parts), declarations, is_inline=False
        )
    )


def _declared(parts: tuple[tuple[str, ...], ...], declarations: str, *, is_inline: bool) -> list[_Rule]:
    marks = [mark[0] for part in parts for mark in part[1:]]
    ids, classes, names = marks.count("#"), marks.count("."), sum(part[0] not in {"", "*"} for part in parts)
    found = []
    for declaration in declarations.split(";"):
        name, _, value = declaration.partition(":")
        name = name.strip().lower().removesuffix("-color")
        bare = value.lower().replace("!important", "").strip()
        if name in {"color", "background"} and bare not in _LEFT_AS_IT_IS:
            weight = ("!important" in value, is_inline, ids, classes, names)
            found.append(_Rule(parts, name, colour(bare), weight))
    return found


def colour(text: str) -> Ground:
    """The first colour that is written out in a value; None where it cannot be told."""
    if _UNTOLD.search(text):
        return None
    for found in _WRITTEN.findall(text):
        written = found.lower()
        if written.startswith("rgb"):
            red, green, blue = (min(int(number), 255) for number in re.findall(r"\d+", written))
            return red, green, blue
        if written.startswith("#"):
            digits = written[1:] if len(written) == 7 else "".join(digit * 2 for digit in written[1:])
            return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
        if written in _NAMED:
            return _NAMED[written]
    return None
