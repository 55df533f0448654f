"""The words and files of the straightforward script: what is said of each delivery, and written for each platform."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import json
import re
import tomllib
import unicodedata
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from email.utils import formataddr
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import yaml
from babel.dates import format_date
from jinja2 import DictLoader
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from pathlib import Path

SMALLEST = 100  # people whom an audience has to have, and who have to share what is said of them
PARTS = {"email": ("subject", "preheader", "html", "text"), "sms": ("body",), "ads": ("headline", "description")}
PATTERNS = {
    ("en", "day_month"): "d MMMM",
    ("de", "day_month"): "d. MMMM",
    ("en", "weekday_day_month"): "EEEE d MMMM",
    ("de", "weekday_day_month"): "EEEE, d. MMMM",
}
LINKS = {"unsubscribe_url": "u", "preferences_url": "p", "helpful_url": "y", "unhelpful_url": "n"}
BASIC = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = set("\f^{}\\[~]|€")


class Shop:
    """What is the same for everybody: settings, products, senders, templates, keys and the clock."""

    def __init__(self, workspace: Path, now: datetime) -> None:
        self.settings = tomllib.loads((workspace / "pyproject.toml").read_text("utf-8"))["tool"]["justenough"]
        self.now = now
        zone = ZoneInfo(self.settings["timezone"])
        self.as_of = now.replace(tzinfo=UTC).astimezone(zone).date()
        midnight = datetime.combine(self.as_of, datetime.min.time(), zone)
        self.starts_at = midnight.astimezone(UTC).replace(tzinfo=None)
        files = sorted((workspace / "templates").glob("[!_]*/product.yaml"))
        self.products = {file.parent.name: yaml.safe_load(file.read_text("utf-8")) for file in files}
        segments = {
            name: workspace / "sql" / "segments" / f"{one['segment']}.yaml" for name, one in self.products.items()
        }
        fields = {name: yaml.safe_load(file.read_text("utf-8"))["fields"] for name, file in segments.items()}
        dimensions = yaml.safe_load((workspace / "sql" / "dimensions.yaml").read_text("utf-8"))["dimensions"]
        self.known = {
            name: [
                (
                    f"{dimension}_as_of",
                    now - days(dimensions[dimension]["fresh_for"]) if "fresh_for" in dimensions[dimension] else None,
                    [field for field, of in fields[name].items() if of["dimension"] == dimension],
                )
                for dimension in product["dimensions"]
            ]
            for name, product in self.products.items()
        }
        self.templates = {
            file.relative_to(workspace / "templates").as_posix(): file.read_text("utf-8")
            for file in (workspace / "templates").rglob("*.j2")
        }
        self.secret = (workspace / ".justenough" / "key").read_text("ascii").split()[0].partition(":")[2].encode()

    def key(self, *inputs: str | None) -> str:
        """The keyed identifier of some inputs."""
        return hmac.digest(self.secret, "\x1f".join(text or "" for text in inputs).encode(), "sha256").hex()[:32]

    @cache  # noqa: B019 - there is one
    def link_key(self, brand: str) -> bytes:
        """What signs a brand's links."""
        about = f"{self.settings['name']}\x1f{brand}".encode()
        return hmac.digest(b"links\x1f" + self.secret, about, "sha256").hex().encode()

    def links(self, sender: dict[str, Any], brand: str, message_id: str, *, is_marketing: bool) -> dict[str, str]:
        """The addresses that are a recipient's own, each with its signed token."""
        found = {}
        for name, letter in LINKS.items():
            address = sender.get("helpful_url" if name == "unhelpful_url" else name)
            if address and (is_marketing or name != "unsubscribe_url"):
                signature = hmac.digest(self.link_key(brand), f"{letter}\x1f{message_id}".encode(), "sha256")[:17]
                token = letter + base64.urlsafe_b64encode(bytes.fromhex(message_id) + signature).decode()
                found[name] = address.replace("{message_id}", message_id).replace("{token}", token)
        return found

    @cache  # noqa: B019
    def environment(self, language: str, is_html: bool) -> SandboxedEnvironment:  # noqa: FBT001
        """Jinja2 in which what is not known prints as nothing."""
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
        label = (
            given["label"]
            if isinstance(given["label"], str)
            else given["label"].get(language, given["label"]["default"])
        )
        added = self.settings["links"].get(channel, self.settings["links"]["default"])
        named = {"brand": brand, "channel": channel, "campaign": product}
        query = "&".join(f"{name}={value.format(**named)}" for name, value in added.items())
        address = self.sender(brand, country)[1]["site_url"].rstrip("/") + given["url"]
        return {"label": label, "url": f"{address}?{query}" if query else address}

    @cache  # noqa: B019
    def layout(self, product: str, channel: str, language: str, brand: str, country: str, block: str) -> str:
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


@cache
def days(text: str) -> timedelta:
    """`5 days`."""
    return timedelta(days=int(text.split(maxsplit=1)[0]))


def shown(shop: Shop, product: str, row: Any) -> dict[str, Any]:
    """The fields that may be printed: a dimension is known whole and fresh, or not at all."""
    told = {}
    for seen, oldest, fields in shop.known[product]:
        values = {field: cleaned(getattr(row, field)) for field in fields}
        is_fresh = oldest is None or (getattr(row, seen) is not None and getattr(row, seen) >= oldest)
        told |= values if is_fresh and None not in values.values() else dict.fromkeys(fields)
    return told


def cleaned(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = " ".join(unicodedata.normalize("NFC", value).split())[:80]
    return text if text and text.lower() not in ("null", "none", "nan", "n/a", "undefined", "unknown") else None


def worded(shop: Shop, one: dict[str, Any]) -> None:
    """Put words to a delivery, and its identifiers."""
    row, product, channel = one["row"], one["product"], one["channel"]
    one["language"] = language = "de" if row.is_german else "en"
    one["country"], one["sender"] = shop.sender(row.brand, row.country)
    subject = one["subject_id"]
    decision = shop.key(shop.settings["name"], row.brand, product, subject, shop.key(row.customer_id), str(shop.as_of))
    one["message_id"] = shop.key(decision, one["lane"], "1")
    values = shown(shop, product, row)
    file = f"{product}/{channel}{'.de' if language == 'de' else ''}.j2"
    one["words"] = {name: shop.part(file, language, name).render(values) for name in PARTS[channel]}


def instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def write_ses(shop: Shop, folder: Path, found: list[dict[str, Any]]) -> None:
    """Calls of SendBulkEmail, of fifty recipients each: the layout is the template, the words are its data."""

    def kind(one: dict[str, Any]) -> tuple[str, ...]:
        return one["product"], "email", one["language"], one["row"].brand, one["country"]

    with (folder / "recipients-0001.ndjson").open("w", encoding="utf-8") as file:
        for of_kind, those in groupby(sorted(found, key=kind), key=kind):
            mine = list(those)
            template = {
                "Subject": "{{subject}}",
                "Text": shop.layout(*of_kind, "text"),
                "Html": shop.layout(*of_kind, "html"),
            }
            sender = mine[0]["sender"]
            for start in range(0, len(mine), 50):
                call = {
                    "FromEmailAddress": formataddr((sender["sender_name"], sender["sender_email"])),
                    "ReplyToAddresses": [sender["reply_to"]],
                    "DefaultContent": {"Template": {"TemplateContent": template, "TemplateData": "{}"}},
                    "BulkEmailEntries": [entry(shop, one) for one in mine[start : start + 50]],
                }
                file.write(json.dumps(call, ensure_ascii=False) + "\n")


def entry(shop: Shop, one: dict[str, Any]) -> dict[str, Any]:
    """A recipient of a call of SES."""
    links = shop.links(one["sender"], one["row"].brand, one["message_id"], is_marketing=one["is_marketing"])
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


def write_sms(shop: Shop, folder: Path, found: list[dict[str, Any]]) -> None:
    columns = "message_id,customer_id,to,sender,body,valid_until,not_before,not_after,encoding,segments"
    with (folder / "recipients-0001.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns.split(","))
        for one in found:
            row = one["row"]
            layout = shop.layout(one["product"], "sms", one["language"], row.brand, one["country"], "body")
            body = layout.replace("{{body}}", one["words"]["body"])
            times = map(instant, (one["valid_until"], *one["times"]))
            sender = one["sender"]["sms_sender"]
            rows.writerow([one["message_id"], row.customer_id, row.phone, sender, body, *times, *measured(body)])


def write_google(shop: Shop, folder: Path, found: list[dict[str, Any]]) -> None:
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
            action = shop.action(product, "ads", language, brand, country)
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


def write(shop: Shop, out: Path, found: list[dict[str, Any]]) -> None:
    """The files of each target and brand, with a manifest; and one list of all that was made."""
    for brand, ways in shop.settings["targets"].items():
        for channel, target in ways.items():
            folder = out / target / brand
            folder.mkdir(parents=True)
            mine = [one for one in found if one["row"].brand == brand and one["channel"] == channel]
            WRITERS[target](shop, folder, mine)
            files = [
                {
                    "name": file.name,
                    "bytes": file.stat().st_size,
                    "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                }
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
                target = shop.settings["targets"][row.brand][one["channel"]]
                rows.writerow([one["message_id"], row.customer_id, row.brand, one["product"], target])
