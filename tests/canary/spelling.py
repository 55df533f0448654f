"""A person who does not exist, and every way in which one of their values may be written down and give them away."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import quopri
import unicodedata
import urllib.parse
from dataclasses import dataclass

ID = "zz-Kanarie-7714203"
MAIL = "Quirinetta.Kanarie+zw@Post.Example.com"
PHONE = "+4915198765432"
NAME = "Quirinëtta O'Žwyxová"
ORDER = "order-knrie-90417"
PERSON = {"id": ID, "e-mail": MAIL, "telephone": PHONE, "name": NAME, "order": ORDER}
"""Long and rare, so that nothing else looks like them; the name has letters and an apostrophe that have to be escaped."""


@dataclass(frozen=True)
class Spelling:
    """One way to write one value.

    Attributes:
        value: which of the person's.
        form: how it is written.
        needle: the bytes to look for.
        is_exact: whether capitals matter, as in base64; otherwise `needle` is in small letters, to be found in what is, too.
    """

    value: str
    form: str
    needle: bytes
    is_exact: bool


def spellings(person: dict[str, str]) -> list[Spelling]:
    """All of them, each needle once for a value."""
    found = {}
    for value, text in person.items():
        for normal in normal_forms(text):
            for form, needle in written(normal).items():
                found.setdefault((value, needle.lower()), Spelling(value, form, needle.lower(), is_exact=False))
            for form, needle in opaque(normal).items():
                found.setdefault((value, needle), Spelling(value, form, needle, is_exact=True))
    return list(found.values())


def normal_forms(text: str) -> list[str]:
    """A value as programs tidy it up: capitals, accents in one character or two, a telephone number with and without its +."""
    forms = [text, text.lower(), text.upper(), unicodedata.normalize("NFD", text)]
    if text.startswith("+49"):
        forms += [text[1:], f"00{text[1:]}", f"0{text[3:]}", f"{text[:3]} {text[3:6]} {text[6:]}"]
    return list(dict.fromkeys(forms))


def written(text: str) -> dict[str, bytes]:
    """Form -> bytes that a person could read; capitals do not matter in any of them."""
    raw = text.encode()
    in_json = json.dumps(text)[1:-1]
    return {
        "raw": raw,
        "Latin-1": text.encode("latin-1", "xmlcharrefreplace"),
        "UTF-16": text.encode("utf-16-le"),
        "UTF-16, big end first": text.encode("utf-16-be"),
        "UTF-32": text.encode("utf-32-le"),
        "URL": urllib.parse.quote(text, safe="").encode(),
        "URL with plus": urllib.parse.quote_plus(text).encode(),
        "path of a URL": urllib.parse.quote(text, safe="/@:+'!*()").encode(),
        "percent of every byte": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "JSON": in_json.encode(),
        "JSON in JSON": json.dumps(in_json)[1:-1].encode(),
        "Python": ascii(text)[1:-1].encode(),
        "Python's bytes": repr(raw)[2:-1].encode(),
        "SQL": text.replace("'", "''").encode(),
        "HTML": html.escape(text).encode(),
        "HTML of letters only": html.escape(text).encode("ascii", "xmlcharrefreplace"),
        "HTML with a decimal apostrophe": text.replace("'", "&#39;").encode(),
        "quoted-printable": quopri.encodestring(raw).strip(),
        "hex": raw.hex().encode(),
        **{f"{name}, hex": digest.hex().encode() for name, digest in digests(text).items()},
    }


def opaque(text: str) -> dict[str, bytes]:
    """Form -> bytes that a program has to undo, or that only tell who has the value already."""
    raw = text.encode()
    found = dict(digests(text))
    for name, digest in digests(text).items():
        found[f"{name}, base64"] = base64.b64encode(digest).rstrip(b"=")
        found[f"{name}, base64 for URLs"] = base64.urlsafe_b64encode(digest).rstrip(b"=")
    for shift in range(3):  # whatever stands before it; the characters that it shares with its neighbours are left out
        shifted = b"\0" * shift + raw
        whole = slice((shift * 8 + 5) // 6, len(shifted) * 8 // 6)
        found[f"base64, {shift} before"] = base64.b64encode(shifted)[whole]
        found[f"base64 for URLs, {shift} before"] = base64.urlsafe_b64encode(shifted)[whole]
    return found


def digests(text: str) -> dict[str, bytes]:
    """Without a key a digest tells everybody who has a list of addresses."""
    return {"SHA-256": hashlib.sha256(text.encode()).digest()}
