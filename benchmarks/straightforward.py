"""The straightforward script: what a good engineer writes for the same job without this program.

    .venv/bin/python benchmarks/straightforward.py WORKSPACE DATABASE ADDRESSES OUT --now 2026-11-22T09:00:00

It stands alone and imports nothing of this program: DuckDB for the frozen queries, pandas, then a Python loop with sandboxed
Jinja2, csv, json, hmac and hashlib. It takes the decisions that the line takes of the sample's products with an empty history
(who may be told, how well it fits, one help a day, the holdout, quiet hours, crowds, one message per address), and writes
files that the same platforms load: calls of SES, a CSV of texts, audiences for Google. ADDRESSES is a Parquet file of addresses
that were read before; settings, products and templates are the workspace's.

What it leaves to the line: history, claims, receipts, what a run that was killed leaves behind, budgets of what is shown,
a check of what templates do, slots. An e-mail's layout is rendered once for each sender, the words once for each person.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import hmac
import json
import math
import re
import time
import tomllib
import unicodedata
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from email.utils import formataddr
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import duckdb
import yaml
from babel.dates import format_date
from jinja2 import DictLoader
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

FROZEN = Path(__file__).resolve().parent / "frozen"
STRENGTHS = {"low": 0.5, "medium": 1.0, "high": 2.0}
PARTS = {"email": ("subject", "preheader", "html", "text"), "sms": ("body",), "ads": ("headline", "description")}
PATTERNS = {
    ("en", "day_month"): "d MMMM",
    ("de", "day_month"): "d. MMMM",
    ("en", "weekday_day_month"): "EEEE, d MMMM",
    ("de", "weekday_day_month"): "EEEE, d. MMMM",
}
LINKS = {"unsubscribe_url": "u", "preferences_url": "p", "helpful_url": "y", "unhelpful_url": "n"}
SMALLEST = 100  # people whom an audience has to have, and who have to share what is said of them
BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = set("\f^{}\\[~]|€")
ZONES = available_timezones()


def digest() -> str:
    """Of this file and of all that it runs: a changed script is another script."""
    files = (Path(__file__), *sorted(FROZEN.rglob("*.sql")))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:12]


class Run:
    """What is the same for everybody: settings, products, words, keys and the clock."""

    def __init__(self, workspace: Path, now: datetime) -> None:
        self.settings = tomllib.loads((workspace / "pyproject.toml").read_text("utf-8"))["tool"]["justenough"]
        self.now = now
        zone = ZoneInfo(self.settings["timezone"])
        self.as_of = now.replace(tzinfo=UTC).astimezone(zone).date()
        midnight = datetime.combine(self.as_of, datetime.min.time(), zone)
        self.starts_at = midnight.astimezone(UTC).replace(tzinfo=None)
        files = sorted((workspace / "templates").glob("[!_]*/product.yaml"))
        self.products = {file.parent.name: yaml.safe_load(file.read_text("utf-8")) for file in files}
        self.fields = {
            name: yaml.safe_load((workspace / "sql" / "segments" / f"{one['segment']}.yaml").read_text("utf-8"))["fields"]
            for name, one in self.products.items()
        }
        self.dimensions = yaml.safe_load((workspace / "sql" / "dimensions.yaml").read_text("utf-8"))["dimensions"]
        self.templates = {
            file.relative_to(workspace / "templates").as_posix(): file.read_text("utf-8")
            for file in (workspace / "templates").rglob("*.j2")
        }
        self.secret = (workspace / ".justenough" / "key").read_text("ascii").split()[0].partition(":")[2].encode()

    def key(self, *inputs: str | None) -> str:
        """The keyed identifier of some inputs."""
        return hmac.digest(self.secret, "\x1f".join(text or "" for text in inputs).encode(), "sha256").hex()

    @cache  # noqa: B019 - there is one run
    def link_key(self, brand: str) -> bytes:
        about = f"{self.settings['name']}\x1f{brand}".encode()
        return hmac.digest(b"links\x1f" + self.secret, about, "sha256").hex().encode()

    def links(self, sender: dict[str, Any], brand: str, message_id: str, *, is_marketing: bool) -> dict[str, str]:
        """The addresses that are a recipient's own, each with its signed token."""
        found = {}
        for name, letter in LINKS.items():
            address = sender.get("helpful_url" if name == "unhelpful_url" else name)
            if address and (is_marketing or name != "unsubscribe_url"):
                signature = hmac.digest(self.link_key(brand), f"{letter}\x1f{message_id}".encode(), "sha256")[:16]
                token = letter + base64.urlsafe_b64encode(bytes.fromhex(message_id) + signature).decode()
                found[name] = address.replace("{message_id}", message_id).replace("{token}", token)
        return found

    @cache  # noqa: B019
    def environment(self, language: str, is_html: bool) -> SandboxedEnvironment:  # noqa: FBT001
        environment = SandboxedEnvironment(
            autoescape=is_html, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
            finalize=lambda value: "" if value is None else value, loader=DictLoader(self.templates),
        )  # fmt: skip
        environment.filters["date"] = lambda value, style="day_month": spelt(value, style, language)
        environment.filters["replace"] = lambda text, old, new: None if text is None else str(text).replace(old, new)
        return environment

    @cache  # noqa: B019
    def part(self, file: str, language: str, name: str) -> Any:
        """One block of a template file, with the file's imports."""
        text = self.templates[file]
        block = re.search(rf"\{{% block {name} %\}}.*?\{{% endblock %\}}", text, re.DOTALL)
        imports = "".join(re.findall(r"\{% from .*?%\}\n", text))
        return self.environment(language, name == "html").from_string(imports + block[0])

    @cache  # noqa: B019
    def sender(self, brand: str, country: str | None) -> tuple[str, dict[str, Any]]:
        """The country whose identity speaks, and that identity."""
        countries = self.settings["brands"][brand]
        known = country if country in countries else "default"
        blank = dict.fromkeys(("preferences_url", "helpful_url", "logo_url", "sms_sender", "sms_stop_word"), "")
        return known, {**blank, **countries["default"], **countries[known]}

    @cache  # noqa: B019
    def action(self, product: str, channel: str, language: str, brand: str, country: str) -> dict[str, str]:
        """The button: its label and its address."""
        given = self.products[product]["help"]["action"]
        label = given["label"] if isinstance(given["label"], str) else given["label"].get(language, given["label"]["default"])
        added = self.settings["links"].get(channel, self.settings["links"]["default"])
        named = {"brand": brand, "channel": channel, "campaign": product}
        query = "&".join(f"{name}={value.format(**named)}" for name, value in added.items())
        address = self.sender(brand, country)[1]["site_url"].rstrip("/") + given["url"]
        return {"label": label, "url": f"{address}?{query}" if query else address}

    @cache  # noqa: B019
    def layout(self, product: str, channel: str, language: str, brand: str, country: str, block: str) -> str:  # noqa: PLR0913
        """A layout around `{{words}}` of one sender: the same for all its recipients."""
        sender = self.sender(brand, country)[1]
        is_html = block == "html"
        file = f"_shared/{channel}_layout{'.de' if language == 'de' else ''}.j2"
        mark = Markup if is_html else str
        slots = {name: mark(f"{{{{{name}}}}}") for name in LINKS}
        said = {name: mark(f"{{{{{name}{'_html' if is_html else ''}}}}}") for name in ("subject", "preheader")}
        return self.part(file, language, block).render(
            **slots, **said, content=mark(f"{{{{{block}}}}}"), brand=sender, locale=language,
            action=self.action(product, channel, language, brand, country),
            is_marketing=self.products[product]["message_type"] == "marketing",
        )  # fmt: skip


@cache
def spelt(value: date | None, style: str, language: str) -> str | None:
    """A date as people write it."""
    if value is None:
        return None
    return format_date(value, PATTERNS[language, style], locale="en_GB" if language == "en" else language)


def days(text: str) -> timedelta:
    """`5 days`."""
    return timedelta(days=int(text.split()[0]))


def literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    kind = {datetime: "TIMESTAMP ", date: "DATE "}.get(type(value), "")
    return f"{kind}'{value}'"


def bound(query: str, **values: Any) -> str:
    """A query with its parameters: views take none."""
    return re.sub(r"\$(\w+)", lambda found: literal(values[found[1]]), query)


def prepared(run: Run, database: Path, addresses: Path) -> duckdb.DuckDBPyConnection:
    """What the frozen queries yield of people and consent, in a database in memory."""
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{database}' AS w (READ_ONLY)")
    given = {"now": run.now, "as_of": run.as_of, "addresses": str(addresses)}
    connection.execute(bound((FROZEN / "visible.sql").read_text("utf-8"), **given))
    for name in ("customers", "consent", "suppressions", "exclusions/open_complaint"):
        query = bound((FROZEN / f"{name}.sql").read_text("utf-8"), **given)
        connection.execute(f"CREATE VIEW {name.partition('/')[0]}_query AS {query}")
    connection.execute(bound((FROZEN / "contacts.sql").read_text("utf-8"), **given))
    return connection


def candidates(run: Run, connection: duckdb.DuckDBPyConnection, name: str) -> list[Any]:
    """Who may need one help."""
    product = run.products[name]
    query = (FROZEN / "segments" / f"{product['segment']}.sql").read_text("utf-8")
    connection.execute(f"CREATE OR REPLACE VIEW segment_query AS {bound(query, now=run.now, as_of=run.as_of)}")
    asked = {key: product[key] for key in ("brands", "topic", "message_type")}
    frame = connection.sql(bound((FROZEN / "candidates.sql").read_text("utf-8"), **asked)).df()
    frame = frame.astype(object).where(frame.notna(), None)
    return list(frame.itertuples(index=False, name="Row"))


def open_channels(run: Run, row: Any, *, is_marketing: bool) -> set[str]:
    """The channels by which a person can be reached and may be spoken to."""
    found = set()
    for channel, address in (("email", row.email), ("sms", row.phone), ("ads", row.email)):
        needs_yes = is_marketing or channel == "ads"
        is_barred = getattr(row, f"{channel}_barred") or getattr(row, f"{channel}_no")
        if address and not is_barred and (getattr(row, f"{channel}_yes") or not needs_yes):
            found.add(channel)
    return found & run.settings["targets"][row.brand].keys()


def score(run: Run, product: dict[str, Any], row: Any) -> float:
    """How well a help fits, from 0 to 1."""
    relevance = product.get("relevance")
    if relevance is None:
        return 1.0
    total = relevance.get("base", -2.0)
    for name, term in relevance.items():
        if name in ("base", "threshold"):
            continue
        signal, weight = getattr(row, name), term.get("weight") or STRENGTHS[term["strength"]]
        if signal is None:
            continue
        if "fades_in" in term:
            age = max(int((run.now - signal).total_seconds()), 0) / days(term["fades_in"]).total_seconds()
            signal = math.exp(-math.log(2) * age)
        total += weight * float(signal)
    return 1 / (1 + math.exp(-total))


def drawn(salt: str, customer_id: str) -> float:
    return int(hashlib.sha256(f"{salt}:{customer_id}".encode()).hexdigest()[:13], 16) / 2**52


def decided(run: Run, connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """One help for each person and brand, service messages apart."""
    units: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for name, product in run.products.items():
        is_marketing, ends_at = product["message_type"] == "marketing", run.starts_at + days(product["when"]["valid_for"])
        threshold = (product.get("relevance") or {}).get("threshold", 0.25)
        for row in candidates(run, connection, name):
            next_due_on, valid_until = getattr(row, "next_due_on", None), min(row.valid_until or ends_at, ends_at)
            ways = open_channels(run, row, is_marketing=is_marketing)
            first = next((channel for channel in product["channels"]["first_of"] if channel in ways), None)
            if (next_due_on and next_due_on.date() > run.as_of) or first is None or valid_until <= run.now:
                continue
            fit = score(run, product, row)
            if fit >= threshold or product.get("relevance") is None:
                units[row.customer_id, row.brand].append(
                    {"product": name, "row": row, "score": fit, "valid_until": valid_until, "first": first,
                     "is_shown_ads": "ads" in ways, "is_marketing": is_marketing,
                     "subject_id": getattr(row, "subject_id", None) or ""}
                )  # fmt: skip
    won = []
    holdout, salt = run.settings.get("global_holdout", 0.05), f"{run.settings['name']}/global_holdout"
    for (customer_id, _), found in sorted(units.items()):
        found.sort(key=lambda one: (-one["score"], one["product"], one["subject_id"]))
        service = {one["subject_id"]: one for one in reversed(found) if not one["is_marketing"]}
        if service:
            won += service.values()
        elif drawn(salt, customer_id) >= holdout:
            won.append(found[0])
    return won


@cache
def opening(zones: tuple[str, ...], now: datetime) -> tuple[datetime, datetime]:
    """The first stretch after now that is no night anywhere; on days on which the clocks change it may be an hour off."""
    nights = []
    for zone in map(ZoneInfo, zones):
        for day in (now.date() + timedelta(days=n) for n in range(-3, 5)):
            begins = datetime(day.year, day.month, day.day, 20, tzinfo=zone)
            nights.append([at.astimezone(UTC).replace(tzinfo=None) for at in (begins, begins + timedelta(hours=12))])
    nights.sort()
    opens = nights[0][1]
    for begins, ends in nights:
        if opens < begins and now < begins:
            return opens, begins
        opens = max(opens, ends)
    raise ValueError(zones)


def routed(run: Run, won: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A delivery for each way, and when it may be sent; then what depends on all of them: crowds, and one per address."""
    found = []
    for one in won:
        row, first = one["row"], one["first"]
        times = run.starts_at, one["valid_until"]
        if first == "sms" and one["is_marketing"]:
            home = row.time_zone if row.time_zone in ZONES else run.settings["timezone"]
            number = row.phone_zones.split("|") if row.phone_zones else []
            opens, closes = opening((home,) if home in number else (home, *number), run.now)
            times = (max(opens, run.starts_at), min(closes, one["valid_until"])) if opens < one["valid_until"] else None
        if times:
            found.append({**one, "channel": first, "lane": "first", "times": times})
        if one["is_shown_ads"] and "ads" in run.products[one["product"]]["channels"]["also"]:
            found.append({**one, "channel": "ads", "lane": "ads", "times": times})
    people = {(one["product"], one["row"].brand, one["row"].customer_id) for one in found if one["channel"] == "ads"}
    crowds = Counter((product, brand) for product, brand, _ in people)
    found = [one for one in found if one["channel"] != "ads" or crowds[one["product"], one["row"].brand] >= SMALLEST]
    taken: set[tuple[Any, ...]] = set()
    kept = []
    for one in sorted(found, key=lambda one: (-one["score"], one["row"].customer_id)):
        row = one["row"]
        about = () if one["is_marketing"] else (one["product"], one["subject_id"])
        address = row.phone if one["channel"] == "sms" else row.email_match
        place = (row.brand, one["channel"], one["is_marketing"], address, about)
        if place not in taken:
            taken.add(place)
            kept.append(one)
    return sorted(kept, key=lambda one: one["row"].customer_id)


def shown(run: Run, product: str, row: Any) -> dict[str, Any]:
    """The fields that may be printed: a dimension is known whole and fresh, or not at all."""
    told = {}
    for dimension in run.products[product]["dimensions"]:
        mine = [field for field, of in run.fields[product].items() if of["dimension"] == dimension]
        fresh_for, seen = run.dimensions[dimension].get("fresh_for"), getattr(row, f"{dimension}_as_of", None)
        is_fresh = fresh_for is None or (seen is not None and run.now - seen <= days(fresh_for))
        values = {field: cleaned(getattr(row, field)) for field in mine}
        is_known = is_fresh and all(value is not None for value in values.values())
        told |= {field: value if is_known else None for field, value in values.items()}
    return told


def cleaned(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(unicodedata.normalize("NFC", value).split())[:80]
    return text if text and text.lower() not in ("null", "none", "nan", "n/a", "undefined", "unknown") else None


def worded(run: Run, one: dict[str, Any]) -> None:
    """Put words to a delivery, and its identifiers."""
    row, product, channel = one["row"], one["product"], one["channel"]
    one["language"] = language = "de" if row.is_german else "en"
    one["country"], one["sender"] = run.sender(row.brand, row.country)
    subject = one["subject_id"]
    decision = run.key(run.settings["name"], row.brand, product, subject, run.key(row.customer_id), str(run.as_of))
    one["message_id"] = run.key(decision, one["lane"], "1")
    values = shown(run, product, row)
    file = f"{product}/{channel}{'.de' if language == 'de' else ''}.j2"
    one["words"] = {name: run.part(file, language, name).render(values) for name in PARTS[channel]}


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def write_ses(run: Run, folder: Path, found: list[dict[str, Any]]) -> None:
    """Calls of SendBulkEmail, of fifty recipients each: the layout is the template, the words are its data."""
    def kind(one: dict[str, Any]) -> tuple[str, ...]:
        return one["product"], "email", one["language"], one["row"].brand, one["country"]

    with (folder / "recipients-0001.ndjson").open("w", encoding="utf-8") as file:
        for of_kind, those in groupby(sorted(found, key=kind), key=kind):
            mine = list(those)
            template = {
                "Subject": "{{subject}}",
                "Text": run.layout(*of_kind, "text"),
                "Html": run.layout(*of_kind, "html"),
            }
            sender = mine[0]["sender"]
            for start in range(0, len(mine), 50):
                call = {
                    "FromEmailAddress": formataddr((sender["sender_name"], sender["sender_email"])),
                    "ReplyToAddresses": [sender["reply_to"]],
                    "DefaultContent": {"Template": {"TemplateContent": template, "TemplateData": "{}"}},
                    "BulkEmailEntries": [entry(run, one) for one in mine[start : start + 50]],
                }
                file.write(json.dumps(call, ensure_ascii=False) + "\n")


def entry(run: Run, one: dict[str, Any]) -> dict[str, Any]:
    """A recipient of a call of SES."""
    links = run.links(one["sender"], one["row"].brand, one["message_id"], is_marketing=one["is_marketing"])
    escaped = {f"{name}_html": str(escape(one["words"][name])) for name in ("subject", "preheader")}
    headers = []
    if one["is_marketing"]:
        headers = [
            {"Name": "List-Unsubscribe", "Value": f"<{links['unsubscribe_url']}>"},
            {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        ]
    data = json.dumps({**one["words"], **escaped, **links}, ensure_ascii=False)
    return {
        "Destination": {"ToAddresses": [one["row"].email]},
        "ReplacementTags": [{"Name": "message_id", "Value": one["message_id"]}],
        "ReplacementHeaders": headers,
        "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": data}},
    }


def measured(body: str) -> tuple[str, int]:
    """The encoding of a text message, and into how many parts it is cut; no character of two units is cut in two."""
    is_gsm = all(letter in BASIC or letter in EXTENSION for letter in body)
    units = [2 if (letter in EXTENSION if is_gsm else ord(letter) > 0xFFFF) else 1 for letter in body]
    single, part = (160, 153) if is_gsm else (70, 67)
    if sum(units) <= single:
        return "GSM-7" if is_gsm else "UCS-2", int(bool(body))
    parts, used = 1, 0
    for unit in units:
        parts, used = (parts + 1, unit) if used + unit > part else (parts, used + unit)
    return "GSM-7" if is_gsm else "UCS-2", parts


def write_sms(run: Run, folder: Path, found: list[dict[str, Any]]) -> None:
    columns = "message_id,customer_id,to,sender,body,valid_until,not_before,not_after,encoding,segments"
    with (folder / "recipients-0001.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns.split(","))
        for one in found:
            row = one["row"]
            layout = run.layout(one["product"], "sms", one["language"], row.brand, one["country"], "body")
            body = layout.replace("{{body}}", one["words"]["body"])
            times = map(instant, (one["valid_until"], *one["times"]))
            sender = one["sender"]["sms_sender"]
            rows.writerow([one["message_id"], row.customer_id, row.phone, sender, body, *times, *measured(body)])


def write_google(run: Run, folder: Path, found: list[dict[str, Any]]) -> None:
    """A CSV of hashed members for each audience, and the words of all of them."""
    audiences = defaultdict(list)
    for one in found:
        said = one["words"]["headline"], one["words"]["description"]
        audiences[one["product"], one["language"], one["row"].brand, one["country"], *said].append(one)
    with (folder / "audiences.ndjson").open("w", encoding="utf-8") as words:
        for kind, members in sorted(audiences.items()):
            if len({one["row"].email_match for one in members}) < SMALLEST:
                for one in members:
                    one["is_left_out"] = True
                continue
            name = f"a-{hashlib.sha256(chr(31).join(kind).encode()).hexdigest()[:12]}"
            product, language, brand, country, headline, description = kind
            about = {"headline": headline, "description": description, "consent": "granted"}
            action = run.action(product, "ads", language, brand, country)
            words.write(json.dumps({"audience": name, **about, **action}, ensure_ascii=False) + "\n")
            for start in range(0, len(members), 10_000):
                path = folder / f"additions-{name}-{start // 10_000 + 1:04}.csv"
                with path.open("w", encoding="utf-8", newline="") as file:
                    rows = csv.writer(file, lineterminator="\n")
                    rows.writerow(["Email", "Phone"])
                    rows.writerows(hashed(one["row"]) for one in members[start : start + 10_000])


def hashed(row: Any) -> tuple[str, str | None]:
    """As Google wants it: small letters, at its own mailboxes neither dots nor tags; numbers with their plus."""
    local, _, domain = row.email_match.partition("@")
    if domain in ("gmail.com", "googlemail.com"):
        local = local.partition("+")[0].replace(".", "") or local
    phone = None if row.phone_barred else row.phone
    return sha256(f"{local}@{domain}"), sha256(phone) if phone else None


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


WRITERS = {"ses": write_ses, "sms_file": write_sms, "google_customer_match": write_google}


def write(run: Run, out: Path, found: list[dict[str, Any]]) -> None:
    """The files of each target and brand, with a manifest; and one list of all that was made."""
    for brand, ways in run.settings["targets"].items():
        for channel, target in ways.items():
            folder = out / target / brand
            folder.mkdir(parents=True)
            mine = [one for one in found if one["row"].brand == brand and one["channel"] == channel]
            WRITERS[target](run, folder, mine)
            files = [
                {"name": file.name, "bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
                for file in sorted(folder.iterdir())
            ]
            rows = sum("is_left_out" not in one for one in mine)
            (folder / "manifest.json").write_text(json.dumps({"rows": rows, "files": files}, indent=1), "utf-8")
    with (out / "deliveries.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["message_id", "customer_id", "brand", "product", "target"])
        for one in found:
            if "is_left_out" not in one:
                row = one["row"]
                target = run.settings["targets"][row.brand][one["channel"]]
                rows.writerow([one["message_id"], row.customer_id, row.brand, one["product"], target])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("workspace", "database", "addresses", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--now", type=datetime.fromisoformat, required=True, help="UTC")
    asked = parser.parse_args()
    began = time.perf_counter()
    run = Run(asked.workspace, asked.now.replace(tzinfo=None))
    found = routed(run, decided(run, prepared(run, asked.database, asked.addresses)))
    for one in found:
        worded(run, one)
    write(run, asked.out, found)
    print(json.dumps({"seconds": time.perf_counter() - began, "digest": digest()}))


if __name__ == "__main__":
    main()
