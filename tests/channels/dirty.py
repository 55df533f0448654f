"""People whose names and addresses come as nobody would wish, and words that look like the languages of platforms."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import polars as pl

from flows.addresses.rules import read_email
from flows.channels import Target, target
from flows.stages.delivery import Payload, shaped, write_batch
from flows.words import GENERIC, Slot, clean, restore
from flows.words.creatives import escaped
from tests.channels.test_targets import worded
from tests.stages.making import MOMENT

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "Ann<script>alert(1)</script>",
    "Ann\r\nBcc: everybody@example.com",
    "Ann\x00\x1b[31m",
    "\u202egnp.exe",
    "\ufeffA\u200bnn\u2028\u2029",
    "e" + "\u0301" * 200,
    "x" * 500,
    "👨‍👩‍👧‍👦 家族",
    "Аnn",  # Cyrillic at its beginning
    "NULL",
    "",
    "{{ 7*7 }}",
    "{{{s2}}}",
    "{% if x %}{# no #}",
    "O'Brien & Søn",
    "Jose\u0301-Mari\u0301a",
    'say "hi", Ann; or\tnot',
    "=cmd|'/C calc'!A0",
    "+491701234567",
    "-2+3",
    "@SUM(1)",
    "0049",
    "1e5",
    "true",
    "2026-11-22",
    "~",
    "שלום, עולם",
    "\\{{s1}} \\1 $1 ${s1}",
    "%%s2%% %%[ output ]%% %%=Now()=%%",
    "-s2- -creative_id.s2-",
    "%%{uuid}%% *|FNAME|*",
    "&amp;amp; &#39;",
    "]]>--><!--",
    "'",
)
ADDRESSES = (
    " A.B@X.example.com ",
    "o'brien@example.com",
    "ann+tag@example.com",
    "ann@bücher.example.com",
    '"a b"@example.com',
    "a@b@example.com",
    "ann@example.com\nBcc: all@example.com",
    "=cmd@example.com",
    "a" * 250 + "@example.com",
    "a@example.com,b@example.com",
    "İ@example.com",
    "0049@example.com",
)

S1, S2, S3, LEAVE = (
    Slot("s1", is_html=False),
    Slot("s2", is_html=True),
    Slot("s1_html", is_html=True),
    "unsubscribe_url",
)
_PAGE = """<!doctype html><html lang="en"><head><style>
@media (max-width:9px){p{margin:0}}
p { color: #111 }
</style><!--[if mso]><i>%%x%%</i><![endif]--><title>"""
_WORDS = (
    "100 % {care} %%s1%% %%[ set @a = 1 ]%% {{ s1 }} {{{s1}}} {%if x%} {# y #} *|S1|* https://x.example.com@TrackLink "
)
PIECES: dict[str, dict[str, list[str | Slot]]] = {
    "k1": {
        "subject": ["For ", S1, ": " + _WORDS, S1],
        "preheader": [],
        "html": [
            *(
                _PAGE,
                S3,
                '</title></head><body><p title="',
                S2,
                f'">{_WORDS}&amp; ',
                S2,
                " {",
                S2,
                "} %",
                S2,
                "% \\",
                S2,
            ),
            *(' {{ TrackView }} {{"</p><a href="', Slot(LEAVE, is_html=True), '">leave</a></body></html>'),
        ],
        "text": [
            f"a < b <c> <!-- no --> {_WORDS}\n{{",
            S1,
            "}\n%",
            S1,
            "%\n\\",
            S1,
            S1,
            "{{",
            Slot(LEAVE, is_html=False),
        ],
    },
    "k2": {
        "subject": ["Grüße %%x%%"],
        "preheader": [],
        "html": ["<html><head></head><body><p>ß</p></body></html>"],
        "text": ["ß"],
    },
}


def creatives() -> dict[str, dict[str, Any]]:
    who = {
        "sender_name": "Nordtal Grüße, Freiburg",
        "sender_email": "hello@mail.nordtal.example.com",
        "reply_to": "help@nordtal.example.com",
        "sms_sender": "70700",
        "action_label": "Read",
        "action_url": "https://www.nordtal.example.com/care?a=1&b=2",
    }
    made = {}
    for key, parts in PIECES.items():
        slots = dict.fromkeys(piece.name for pieces in parts.values() for piece in pieces if isinstance(piece, Slot))
        texts = {name: GENERIC.put(pieces) for name, pieces in parts.items()}
        made[key] = {"creative_id": key, **who, "slots": list(slots), "parts": texts}
    return made


def people(to: Target) -> pl.DataFrame:
    """Whoever of them can be written to, as their deliveries come to a target; every seventh has a service message."""
    read = [read_email(ADDRESSES[at % len(ADDRESSES)])[0] for at in range(len(NAMES))]
    named = pl.DataFrame({"name": NAMES, "number": range(len(NAMES)), "address": read})
    number = pl.format("{}", pl.col("number"))
    ordinary = pl.format("ann-{}@example.com", pl.col("number"))  # so that the name comes all the same
    own = pl.when(pl.col("number") < len(ADDRESSES)).then(pl.col("address"))
    found = named.select(
        clean(pl.col("name")).alias("s1"),
        own.fill_null(ordinary).alias("address"),
        pl.format("0{}", number).alias("customer_id"),
        number.map_elements(lambda text: hashlib.sha256(text.encode()).hexdigest(), pl.String).alias("message_id"),
        pl.when(pl.col("number") % 7 == 6).then(pl.lit("k2")).otherwise(pl.lit("k1")).alias("creative_id"),
        pl.format("https://x.example.com/leave/{}", number).alias(LEAVE),
    ).with_columns(s2=escaped(pl.col("s1")), s1_html=escaped(pl.col("s1")))
    base = pl.concat([worded(to).head(1)] * len(NAMES))
    rows = base.with_columns(found, not_before=pl.lit(MOMENT.starts_at), not_after=pl.col("valid_until"))
    none = pl.when(pl.col("creative_id") == "k1")
    return rows.with_columns(none.then(pl.col(name)).alias(name) for name in ("s1", "s2", "s1_html", LEAVE))


def batch(to: str | Target, folder: Path, rows: pl.DataFrame | None = None, link: str | None = None) -> Path:
    """A batch of a target, written to a folder; the creatives have one more link of the recipient's own, if asked."""
    form, made = target(to) if isinstance(to, str) else to, creatives()
    if link is not None:
        made["k1"]["slots"].append(link)
        made["k1"]["parts"]["text"] += f"{{{{{{{link}}}}}}}"
    content = shaped(people(form) if rows is None else rows, made, form, MOMENT.starts_at)
    write_batch(folder / "batch", [Payload("recipients", "append", content)], made, form, {})
    return folder / "batch"


def meant(to: str) -> dict[str, dict[str, str]]:
    """message_id -> part -> what its recipient is to see, by the reference reader of creatives."""
    made = creatives()
    return {
        row["message_id"]: {name: restore(text, row) for name, text in made[row["creative_id"]]["parts"].items()}
        for row in people(target(to)).iter_rows(named=True)
    }


def lines(folder: Path, name: str = "recipients") -> list[Any]:
    """The objects of all NDJSON files of a batch whose names begin so."""
    files = sorted(folder.glob(f"{name}*"))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").split("\n") if line]
