"""The words of a template file for translators: its texts one by one, and the same file with others in their place.

A text is a line of a part that says something: what is printed and decided in it stays as it is written, `{{ item }}` and
`{% if item %}`, so that its place in the sentence is the translator's. Lines of tags alone are none.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_BLOCK = re.compile(r"\{%[-+]?\s*block\s+(\w+)\s*[-+]?%\}(.*?)\{%[-+]?\s*endblock", re.DOTALL)
_IMPORT = re.compile(r"""\{%[-+]?\s*from\s+["']([\w./]+)["']\s+import\s+([\w,\s]+?)\s*[-+]?%\}""")
_MACRO = re.compile(r"\{%[-+]?\s*macro\s+(\w+)")
_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>")
_CALL = re.compile(r"\b([a-z_]\w*)\s*\(")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class Text:
    """A text of a template file: which part it is of, where it begins and ends, and its line."""

    part: str
    said: str
    start: int
    end: int
    line: int


def texts(source: str) -> list[Text]:
    """The texts of a template file, in their order."""
    return [text for block in _BLOCK.finditer(source) for text in _of_a_block(block, source)]


def put(source: str, said: Mapping[tuple[str, str], str], macros: Mapping[str, str], renamed: Mapping[str, str]) -> str:
    """A template file with other texts in place of its own.

    Args:
        source: the file.
        said: part and text -> what is said instead; all that `texts` finds.
        macros: the macros of `_shared/` -> their file: those that are called are imported.
        renamed: fields -> those that hold the same in the other language.
    """
    found, end = "", 0
    for text in texts(source):
        found += source[end : text.start] + said[text.part, text.said]
        end = text.end
    whole = found + source[end:]
    if renamed:
        names = re.compile(rf"\b({'|'.join(map(re.escape, sorted(renamed)))})\b")
        whole = _TAG.sub(lambda tag: names.sub(lambda name: renamed[name[1]], tag[0]), whole)
    return _importing(whole, macros)


def shared_macros(files: Mapping[str, str]) -> dict[str, str]:
    """The macros of some files of `_shared/` -> the file of each.

    Args:
        files: name, as it is imported -> text.
    """
    return {macro: name for name, text in sorted(files.items()) for macro in _MACRO.findall(text)}


def differences(source: str, said: str, language: str, macros: Collection[str]) -> list[str]:
    """What a translation has lost or invented of what its source prints, decides or marks up, each in a few words.

    A macro may be another one with the same arguments, which says it in the other language; and `item_de` is `item` in German.

    Args:
        source: the text.
        said: its translation.
        language: of the translation.
        macros: the names of all macros of `_shared/`.
    """
    ours, theirs = _tags(source, language, macros), _tags(said, language, macros)
    lost = [f"lacks {_named(tag, count)}" for tag, count in sorted((ours - theirs).items())]
    return lost + [f"has {_named(tag, count)} more" for tag, count in sorted((theirs - ours).items())]


def _of_a_block(block: re.Match[str], source: str) -> Iterator[Text]:
    start = block.start(2)
    for line in block[2].split("\n"):
        said = line.strip()
        if _says_something(said):
            begin = start + line.index(said)
            yield Text(block[1], said, begin, begin + len(said), source.count("\n", 0, begin) + 1)
        start += len(line) + 1


def _says_something(line: str) -> bool:
    """Whether there is a letter outside of tags, a text in an attribute, or a macro, which may say something."""
    calls = any(_CALL.search(tag) for tag in _TAG.findall(line) if tag.startswith("{{"))
    bare = _TAG.sub("", line)
    return bool(calls or re.search(r"\b(alt|title)=", bare) or _LETTER.search(_MARKUP.sub("", bare)))


def _tags(text: str, language: str, macros: Collection[str]) -> Counter[str]:
    tags = []
    for tag in _TAG.findall(text):
        plain = re.sub(r"\s+", " ", re.sub(r"^(\{[{%])[-+]|[-+]([%}]\})$", r"\1\2", tag))
        plain = re.sub(r"^(\{[{%]) ?(.*?) ?([%}]\})$", r"\1 \2 \3", plain)
        plain = _CALL.sub(lambda call: "a macro(" if call[1] in macros else call[0], plain)
        tags.append(re.sub(rf"\b(\w+)_{language}\b", r"\1", plain))
    return Counter(tags + _MARKUP.findall(_TAG.sub("", text)))


def _named(tag: str, count: int) -> str:
    return f"{tag} {count} times" if count > 1 else tag


def _importing(text: str, macros: Mapping[str, str]) -> str:
    """The file with imports of just the macros that it calls, in place of its own."""
    body = re.sub(rf"{_IMPORT.pattern}\n?", "", text)
    called = {name for tag in _TAG.findall(body) for name in _CALL.findall(tag) if name in macros}
    files = dict.fromkeys(macros[name] for name in sorted(called, key=lambda name: (macros[name], name)))
    order = [name for name, _ in _IMPORT.findall(text)]
    wanted = sorted(files, key=lambda file: (order.index(file) if file in order else len(order), file))
    lines = [
        f'{{% from "{file}" import {", ".join(sorted(name for name in called if macros[name] == file))} %}}\n'
        for file in wanted
    ]
    return "".join(lines) + body
