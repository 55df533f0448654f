"""What recipients see of a batch: each platform's templates filled by an engine that is not ours, where there is one.

Braze's Liquid by python-liquid, Klaviyo's templates by Django's own engine, listmonk's by Go's standard library. SendGrid's
substitutions are plain replacements, here in both orders, and so are Mautic's tokens and Mailchimp's tags. Of AMPscript there is
a reader of the small part that is used: ours.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.channels.dirty import lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PARTS = ("subject", "html", "text")
Seen = dict[str, dict[str, str]]


def table(folder: Path, separator: str = ",") -> list[dict[str, str]]:
    """The rows of all CSV files of a batch, as text."""
    found = []
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as text:
            found += list(csv.DictReader(text, delimiter=separator, strict=True))
    return found


def creatives(folder: Path) -> dict[str, dict[str, str]]:
    return {creative["creative_id"]: creative["parts"] for creative in lines(folder, "creatives")}


def _merged(folder: Path, creative: str, prefix: str, fill: Callable[[str, Mapping[str, str]], str]) -> Seen:
    texts = creatives(folder)
    return {
        row["message_id"]: {part: fill(texts[row[creative].removeprefix(prefix)][part], row) for part in PARTS}
        for row in table(folder)
    }


@cache
def _liquid() -> Any:
    from liquid import Environment

    return Environment(autoescape=False, strict_filters=True)


def liquid(text: str, row: Mapping[str, str]) -> str:
    """Braze replaces `${s1}` inside its tags by a name before Liquid reads them."""
    named = re.sub(r"custom_attribute\.\$\{(\w+)\}", r"custom_attribute.\1", text)
    return _liquid().from_string(named).render(custom_attribute=dict(row), customer=dict(row))


@cache
def _django() -> Any:
    from django.conf import settings
    from django.template import Engine, Library

    if not settings.configured:
        settings.configure()
    engine = Engine(autoescape=True)
    library = Library()
    library.filter("lookup", lambda value, name: value.get(name))  # Klaviyo's own
    engine.template_builtins.append(library)
    return engine


def django(text: str, row: Mapping[str, str]) -> str:
    from django.template import Context

    return (
        _django()
        .from_string(text)
        .render(Context({"person": dict(row), "contact": {name.upper(): value for name, value in row.items()}}))
    )


_AMPSCRIPT = re.compile(r"%%=Concat\((?P<signs>'[^']*'(?:,'[^']*')*)\)=%%|%%(?P<field>\w+)%%|(?P<other>%%|\{\{)")


def ampscript(text: str, row: Mapping[str, str]) -> str:
    """From left to right: a function, a field, or something that Marketing Cloud would choke on."""

    def put(found: re.Match[str]) -> str:
        assert found["other"] is None, text[found.start() : found.start() + 20]
        return "".join(re.findall(r"'([^']*)'", found["signs"])) if found["signs"] else row[found["field"]]

    return _AMPSCRIPT.sub(put, text)


def braze(folder: Path) -> Seen:
    return _merged(folder, "creative", "c-", liquid)


def customerio(folder: Path) -> Seen:
    return _merged(folder, "creative", "c-", liquid)


def brevo(folder: Path) -> Seen:
    texts = creatives(folder)
    return {
        row["MESSAGE_ID"]: {part: django(texts[row["CREATIVE"].removeprefix("c-")][part], row) for part in PARTS}
        for row in table(folder, ";")
    }


def klaviyo(folder: Path) -> Seen:
    return _merged(folder, "creative", "c-", django)


def sfmc(folder: Path) -> Seen:
    return _merged(folder, "creative_id", "", ampscript)


_UNSEEN = "\u2060"
"""Shown as nothing, by any screen."""


def mailchimp_tags(text: str, row: Mapping[str, str]) -> str:
    """Each tag in its place, and whatever looks like one then: no value and no word may."""

    def put(found: re.Match[str]) -> str:
        return row[found[1]]

    for _ in range(3):
        text = re.sub(r"\*\|(.*?)\|\*", put, text, flags=re.DOTALL)
    return text.replace(_UNSEEN, "")


def mautic_tokens(text: str, row: Mapping[str, str]) -> str:
    """The tokens that stand in the text, one after the other, wherever they stand by then; in either order."""
    names = re.findall(r"\{contactfield=(.*?)\}", text)
    shown = set()
    for order in (names, names[::-1]):
        said = text
        for name in order:
            said = said.replace(f"{{contactfield={name}}}", row[name])
        assert re.search(r"\{[a-z_]+(=[^{}]*)?\}", said) is None, said
        shown.add(said.replace(_UNSEEN, ""))
    (only,) = shown
    return only


def mailchimp(folder: Path) -> Seen:
    texts = creatives(folder)
    return {
        row["MESSAGE_ID"]: {
            part: mailchimp_tags(texts[row["CREATIVE"].removeprefix("c-")][part], row) for part in PARTS
        }
        for row in table(folder)
    }


def mautic(folder: Path) -> Seen:
    return _merged(folder, "creative", "c-", mautic_tokens)


def sendgrid(folder: Path) -> Seen:
    """Whatever the order in which SendGrid puts things in, and were it done twice."""
    seen: Seen = {}
    for request in lines(folder):
        contents = {content["type"]: content["value"] for content in request["content"]}
        texts = {"subject": request["subject"], "html": contents["text/html"], "text": contents["text/plain"]}
        for person in request["personalizations"]:
            pairs = list(person.get("substitutions", {}).items())
            ways = [
                {part: replaced(text, order) for part, text in texts.items()}
                for order in (pairs, pairs[::-1], pairs * 2)
            ]
            assert ways[0] == ways[1] == ways[2]
            seen[person["custom_args"]["message_id"]] = ways[0]
    return seen


def replaced(text: str, pairs: list[tuple[str, str]]) -> str:
    for tag, value in pairs:
        text = text.replace(tag, value)
    return text


@cache
def listmonk_program(built: str) -> Path:
    source = Path(__file__).with_name("listmonk.go")
    program = Path(built) / "listmonk"
    go = Path(sys.executable).with_name("go")
    outside = {"GO111MODULE": "off", "GOPROXY": "off", "GOCACHE": f"{built}/cache", "GOPATH": f"{built}/path"}
    subprocess.run([go, "build", "-o", program, source], env={**os.environ, **outside}, check=True, cwd=built)
    return program


def listmonk(folder: Path, built: Path) -> Seen:
    """Each file imported and its creative sent, as listmonk's source does it."""
    seen: Seen = {}
    for file in sorted(folder.glob("*.csv")):
        key = file.name.removeprefix("recipients-").rsplit("-", 1)[0]
        done = subprocess.run(
            [listmonk_program(str(built)), file],
            input=json.dumps(creatives(folder)[key]),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for line in done.stdout.splitlines():
            message = json.loads(line)
            seen[message.pop("message_id")] = message
    return seen
