"""A tiny workspace made by hand, for tests that need the whole line quickly: two products, two brands, a dozen people.

    tiny = make(tmp_path)                        # a folder with SQL, templates, settings and a DuckDB warehouse
    tiny.warehouse("DELETE FROM needs WHERE …")  # change the source
    tiny.edit("templates/care/email.j2", "old", "new")
    outcome = tiny.run(at=day(1), products=("care",))
    tiny.batches(), tiny.history("SELECT …")     # what can be seen, read without any code of flows/

`care` is marketing (e-mail, else SMS; web goes along), one row per person of table `needs`; `late` is service, one row per
order of table `late_orders`. A need's `interest` makes its score: 1 / (1 + e^(2 - interest)); 3 and 4 pass, 0 is below the
threshold.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow.parquet

from flows import line
from flows.line.request import Request
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from flows.line.request import Delivered, Outcome
    from flows.plan import Plan
    from flows.workspace import Workspace

MORNING = datetime(2026, 11, 22, 9, tzinfo=UTC)
KEY = f"0badcafe:{'0123456789abcdef' * 4}\n"
"""The secret of every tiny workspace, so that two of them make the same keys."""

SETTINGS = """
[tool.justenough]
name = "tiny"
database = "warehouse.duckdb"
global_holdout = 0
default_region = "DE"
links = {}

[tool.justenough.crowd]
web = 0

[tool.justenough.targets.north]
email = "email_file"
sms = "sms_file"
web = "web_profiles"

[tool.justenough.targets.south]
email = "email_file"
sms = "sms_file"
web = "web_profiles"

[tool.justenough.brands.north.default]
name = "North"
sender_name = "North"
sender_email = "hello@north.example.com"
reply_to = "help@north.example.com"
legal_name = "North Ltd"
postal_address = "1 North Street"
privacy_url = "https://north.example.com/privacy"
unsubscribe_url = "https://north.example.com/unsubscribe/{message_id}"
site_url = "https://north.example.com"
sms_sender = "70700"
sms_stop_word = "STOP"

[tool.justenough.brands.south.default]
name = "South"
sender_name = "South"
sender_email = "hello@south.example.com"
reply_to = "help@south.example.com"
legal_name = "South Ltd"
postal_address = "1 South Street"
privacy_url = "https://south.example.com/privacy"
unsubscribe_url = "https://south.example.com/unsubscribe/{message_id}"
site_url = "https://south.example.com"
sms_sender = "70701"
sms_stop_word = "STOP"
"""

FILES = {
    "pyproject.toml": SETTINGS,
    "sql/dimensions.yaml": """
tables:
  people:      {person: customer_id}
  needs:       {person: customer_id, happened_at: since_at}
  late_orders: {person: customer_id, may_be_empty: true}
  consents:    {person: customer_id, happened_at: happened_at, may_be_empty: true}
  barred:      {person: customer_id, may_be_empty: true}
  suppressed:  {address: address, happened_at: happened_at, may_be_empty: true}
dimensions:
  last_order: {my: my last order, columns: [needs.*, late_orders.*], known: observed}
  name:       {my: my name, columns: [people.first_name], known: declared}
""",
    "sql/customers.sql": "SELECT customer_id, brand, country, locale, email, phone FROM people",
    "sql/consent.sql": "SELECT event_id, customer_id, brand, channel, topic, state, happened_at FROM consents",
    "sql/suppressions.sql": "SELECT channel, address, brand, reason, happened_at FROM suppressed",
    "sql/exclusions/barred.sql": "SELECT customer_id FROM barred",
    "sql/segments/owners.sql": """
SELECT n.customer_id, n.brand, n.item, p.first_name, n.interest
FROM needs n JOIN people p USING (customer_id, brand)
""",
    "sql/segments/owners.yaml": """
fields:
  item:       {dimension: last_order, examples: [tent]}
  first_name: {dimension: name, examples: [Ann]}
""",
    "sql/segments/late.sql": """
SELECT o.customer_id, o.brand, o.order_id AS subject_id, o.item, p.first_name, o.late_days
FROM late_orders o JOIN people p USING (customer_id, brand)
""",
    "sql/segments/late.yaml": """
fields:
  item:       {dimension: last_order, examples: [tent]}
  first_name: {dimension: name, examples: [Ann]}
""",
    "templates/care/product.yaml": """
help:
  need: New owners ask how to look after what they have bought.
  kind: teach
  action: {label: Read the guide, url: /care}
owner: crm@example.com
status: live
review_by: 2027-06-30
message_type: marketing
topic: care
brands: [north, south]
segment: owners
when: {valid_for: 5 days}
channels: {first_of: [email, sms], also: [web]}
once_every: {every: 30 days, per: person}
relevance: {interest: {weight: 1}}
success: {helped: no_question, business: ordered_again, within: 14 days}
because: [last_order]
dimensions: [last_order, name]
""",
    "templates/care/email.j2": """\
{% block subject %}Looking after your {% if item %}{{ item }}{% else %}new kit{% endif %}{% endblock %}
{% block preheader %}Three minutes now.{% endblock %}
{% block html %}<p>Hello{% if first_name %} {{ first_name }}{% endif %}, dry it first.</p>{% endblock %}
{% block text %}Hello{% if first_name %} {{ first_name }}{% endif %}, dry it first.{% endblock %}
""",
    "templates/care/sms.j2": "{% block body %}Dry your {% if item %}{{ item }}{% else %}kit{% endif %} first:{% endblock %}",
    "templates/care/web.j2": """\
{% block headline %}Looking after your {% if item %}{{ item }}{% else %}new kit{% endif %}{% endblock %}
{% block body %}{% if first_name %}{{ first_name }}, dry{% else %}Dry{% endif %} it first.{% endblock %}
""",
    "templates/late/product.yaml": """
help:
  need: People whose order is late want to hear it from us first.
  kind: reassure
  action: {label: See your order, url: /orders}
owner: service@example.com
status: live
review_by: 2027-06-30
message_type: service
topic: orders
brands: [north, south]
segment: late
when: {valid_for: 2 days}
channels: {first_of: [email, sms], also: [web]}
once_every: {every: 4 days, per: subject}
relevance: {late_days: {weight: 1}}
success: {helped: no_question, business: order_kept, within: 7 days}
because: [last_order]
dimensions: [last_order, name]
""",
    "templates/late/email.j2": """\
{% block subject %}Your {% if item %}{{ item }}{% else %}order{% endif %} is late{% endblock %}
{% block preheader %}We are sorry.{% endblock %}
{% block html %}<p>Hello{% if first_name %} {{ first_name }}{% endif %}, it is late.</p>{% endblock %}
{% block text %}Hello{% if first_name %} {{ first_name }}{% endif %}, it is late.{% endblock %}
""",
    "templates/late/sms.j2": "{% block body %}Your {% if item %}{{ item }}{% else %}order{% endif %} is late.{% endblock %}",
    "templates/late/web.j2": """\
{% block headline %}Your {% if item %}{{ item }}{% else %}order{% endif %} is late{% endblock %}
{% block body %}We are sorry.{% endblock %}
""",
    "templates/_shared/email_layout.j2": """\
{% block html %}<html lang="{{ locale }}"><body>{{ content }}<a href="{{ action.url }}">{{ action.label }}</a>
<p>{{ brand.legal_name }}, {{ brand.postal_address }}
{% if is_marketing %}<a href="{{ unsubscribe_url }}">Unsubscribe</a>{% endif %}</p></body></html>{% endblock %}
{% block text %}{{ content }}
{{ action.url }}
{{ brand.legal_name }}{% if is_marketing %}
Unsubscribe: {{ unsubscribe_url }}{% endif %}{% endblock %}
""",
    "templates/_shared/sms_layout.j2": (
        "{% block body %}{{ brand.name }}: {{ content }} {{ action.url }}"
        "{% if is_marketing %} Reply {{ brand.sms_stop_word }} to end{% endif %}{% endblock %}"
    ),
}

TABLES = """
CREATE TABLE people (
    customer_id VARCHAR, brand VARCHAR, country VARCHAR, locale VARCHAR, email VARCHAR, phone VARCHAR, first_name VARCHAR
);
CREATE TABLE needs (customer_id VARCHAR, brand VARCHAR, item VARCHAR, interest DOUBLE, since_at TIMESTAMP);
CREATE TABLE late_orders (customer_id VARCHAR, brand VARCHAR, order_id VARCHAR, item VARCHAR, late_days INTEGER);
CREATE TABLE consents (
    event_id VARCHAR, customer_id VARCHAR, brand VARCHAR, channel VARCHAR, topic VARCHAR, state VARCHAR, happened_at TIMESTAMP
);
CREATE TABLE barred (customer_id VARCHAR);
CREATE TABLE suppressed (channel VARCHAR, address VARCHAR, brand VARCHAR, reason VARCHAR, happened_at TIMESTAMP);
"""

# customer, brand, e-mail, phone, first name, item, interest. Everybody has said yes to everything, unless below.
PEOPLE: tuple[tuple[Any, ...], ...] = (
    ("c01", "north", "ann@x.example.com", "+4915112345601", "Ann", "tent", 4.0),
    ("c01", "south", "ann@x.example.com", "+4915112345601", "Ann", "board", 3.0),
    ("c02", "north", "pair@x.example.com", None, "Bea", "tent", 3.0),  # shares an address with c03, who scores higher
    ("c03", "north", "Pair@X.example.com", None, "Cid", "stove", 4.0),
    ("c04", "north", "tie@x.example.com", None, "Dan", "tent", 3.0),  # ties with c05: the lower id wins
    ("c05", "north", "tie@x.example.com", None, "Eva", "tent", 3.0),
    ("c06", "north", None, "+4915112345606", "Fay", "rope", 3.0),  # by SMS
    ("c07", "north", "gus@x.example.com", None, "Gus", "tent", 4.0),  # has a late order: it silences the care guide
    ("c08", "north", "hal@x.example.com", None, "Hal", None, None),  # two late orders, no need
    ("c09", "north", "ida@x.example.com", None, "Ida", "tent", 4.0),  # said no
    ("c10", "north", "no address", None, "Jon", "tent", 4.0),
    ("c11", "north", "kim@x.example.com", None, "Kim", "tent", 4.0),  # suppressed
    ("c12", "north", "lea@x.example.com", None, "Lea", "tent", 4.0),  # excluded
    ("c13", "north", "mia@x.example.com", None, None, None, 3.0),  # nothing is known of her
    ("c14", "north", "ned@x.example.com", None, "Ned", "tent", 0.0),  # below the threshold
    ("c15", "south", "oda@x.example.com", None, "Oda", "board", 3.0),
)
LATE = (
    ("c07", "north", "o71", "tent", 4),
    ("c08", "north", "o81", "rope", 3),
    ("c08", "north", "o82", "stove", 5),
)
CARED_FOR = {("c01", "north"), ("c01", "south"), ("c03", "north"), ("c04", "north"), ("c06", "north"), ("c13", "north")}
CARED_FOR |= {("c15", "south")}
"""Who gets the care guide as a message on the first day: by e-mail, but c06 by SMS. On the web c02 and c05 get it too."""


@dataclass(frozen=True)
class Seen:
    """A batch as a consumer finds it in the outbox: its manifest, and its payload files as bytes and as rows.

    Attributes:
        rows: of all payload files, each a dictionary with the file's `mode` as `_mode`, and its `use`, if it says one, as `_use`.
    """

    target: str
    name: str
    manifest: dict[str, Any]
    payload: dict[str, bytes]
    rows: list[dict[str, Any]] = field(repr=False)


@dataclass(frozen=True)
class Tiny:
    """A tiny workspace in a folder of its own."""

    folder: Path

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    @property
    def state(self) -> Path:
        return self.folder / ".justenough"

    def copy(self, to: Path) -> Tiny:
        """The same workspace with all its state in another folder: the line goes on there."""
        return Tiny(shutil.copytree(self.folder, to))

    def load(self) -> Workspace:
        return load_workspace(self.folder)

    def run(self, *, at: datetime = MORNING, dry_run: bool = False, **request: Any) -> Outcome:
        with clock(at):
            return line.run(self.load(), Request(**request), dry_run=dry_run)

    def plan(self, *, at: datetime = MORNING, **request: Any) -> Plan:
        with clock(at):
            return line.plan(self.load(), Request(**request))

    def deliver(
        self, run_id: str, expected: int | None = None, *, at: datetime = MORNING, allow_past: bool = False
    ) -> Delivered:
        with clock(at):
            return line.deliver(self.load(), run_id, expected, allow_past=allow_past)

    def warehouse(self, statement: str) -> None:
        """Change the source."""
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            connection.execute(statement)

    def advertise(self, least: int) -> None:
        """Audiences for `care` too, of at least so many people."""
        words = "{% block headline %}Care{% endblock %}{% block description %}It lasts longer.{% endblock %}"
        (self.folder / "templates/care/ads.j2").write_text(words, "utf-8")
        self.edit("templates/care/product.yaml", "also: [web]", "also: [web, ads]")
        self.edit("pyproject.toml", 'web = "web_profiles"', 'web = "web_profiles"\nads = "ads_audiences"')
        self.set(smallest_audience=least)

    def says(self, customer: str, state: str = "no", *, channel: str = "*", at: datetime = MORNING) -> None:
        """Add a consent event for every topic of every brand."""
        self.warehouse(
            f"INSERT INTO consents SELECT 'said', '{customer}', b, '{channel}', '*', '{state}', '{at:%F %T}' "
            "FROM (VALUES ('north'), ('south')) brands (b)"
        )

    def history(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the ledger, read without any code of flows/."""
        with duckdb.connect(str(self.state / "ledger.duckdb"), read_only=True) as connection:
            return connection.execute(statement).fetchall()

    def change(self, statement: str) -> None:
        """Change the ledger by hand, as somebody who has only the file."""
        with duckdb.connect(str(self.state / "ledger.duckdb")) as connection:
            connection.execute(statement)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every table of the ledger, sorted: to see that nothing has changed."""
        if not (self.state / "ledger.duckdb").exists():
            return {}
        tables = [name for (name,) in self.history("SELECT table_name FROM information_schema.tables ORDER BY 1")]
        return {name: sorted(self.history(f"SELECT * FROM {name}"), key=repr) for name in tables}

    def batches(self) -> list[Seen]:
        """What is in the outbox, by target and in the order of appearance."""
        folders = [path for path in self.outbox.glob("*/*") if path.is_dir()] if self.outbox.exists() else []
        return [read_batch(path) for path in sorted(folders, key=_appearance)]

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace text in a file of the workspace; it must be there."""
        text = (self.folder / name).read_text("utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        (self.folder / name).write_text(text.replace(old, new), "utf-8")

    def set(self, **settings: str | float) -> None:
        """Add plain settings."""
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        self.edit("pyproject.toml", "[tool.justenough]\n", f"[tool.justenough]\n{lines}")

    def speak(self, *locales: str) -> None:
        """`care` in other languages too, in all channels, with the words, layouts and label of the default one."""
        folders = {
            self.folder / "templates" / name: pattern for name, pattern in (("care", "*"), ("_shared", "*_layout"))
        }
        for folder, pattern in folders.items():
            for file in folder.glob(f"{pattern}.j2"):
                for locale in locales:
                    shutil.copy(file, file.with_name(f"{file.stem}.{locale}.j2"))
        labels = "".join(f", {locale}: Anleitung lesen" for locale in locales)
        label = f"label: {{default: Read the guide{labels}}}"
        self.edit("templates/care/product.yaml", "label: Read the guide", label)


def make(
    folder: Path,
    *,
    people: Iterable[tuple[Any, ...]] = PEOPLE,
    late: Iterable[tuple[Any, ...]] = LATE,
    brands: Sequence[str] = ("north", "south"),
) -> Tiny:
    """Make a tiny workspace in `folder`, which is created.

    Args:
        folder: where.
        people: rows as in `PEOPLE`.
        late: rows as in `LATE`.
        brands: for which there are targets; with one brand a run takes half the time.
    """
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    state = folder / ".justenough"
    state.mkdir(mode=0o700)
    (state / "key").touch(mode=0o600)  # before anything is in it: tests look at what others may read meanwhile
    (state / "key").write_text(KEY, "ascii")
    people = list(people)
    longest_ago = MORNING - timedelta(days=300)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(TABLES)
        _fill(connection, "people", [(c, b, "DE", "en", mail, phone, name) for c, b, mail, phone, name, *_ in people])
        owners = [(c, b, item, interest, longest_ago) for c, b, *_, item, interest in people if interest is not None]
        _fill(connection, "needs", owners)
        _fill(connection, "late_orders", list(late))
        yes = [(f"y{n}", row[0], row[1], "*", "*", "yes", longest_ago) for n, row in enumerate(people)]
        _fill(connection, "consents", yes)
        connection.execute(
            "INSERT INTO consents SELECT 'no', customer_id, brand, '*', '*', 'no', happened_at + INTERVAL 1 DAY "
            "FROM consents WHERE customer_id = 'c09'"
        )
        connection.execute("INSERT INTO barred SELECT DISTINCT customer_id FROM people WHERE customer_id = 'c12'")
        connection.execute(
            "INSERT INTO suppressed SELECT 'email', email, '*', 'complaint', TIMESTAMP '2026-01-01' "
            "FROM people WHERE customer_id = 'c11'"
        )
    tiny = Tiny(folder)
    if "south" not in brands:
        start, end = SETTINGS.index("[tool.justenough.targets.south]"), SETTINGS.index("[tool.justenough.brands.north")
        tiny.edit("pyproject.toml", SETTINGS[start:end], "")
        for product in ("care", "late"):
            tiny.edit(f"templates/{product}/product.yaml", "brands: [north, south]", "brands: [north]")
    return tiny


def crowd(count: int) -> list[tuple[Any, ...]]:
    """That many people of one brand whom nothing stands in the way of, each with an address and some items of their own."""
    return [
        (f"p{n:05}", "north", f"p{n:05}@x.example.com", None, f"Person {n}", ("tent", "rope", "stove")[n % 3], 3.0)
        for n in range(count)
    ]


def day(number: int) -> datetime:
    """The morning of the first day plus `number` days."""
    return MORNING + timedelta(days=number)


@contextmanager
def clock(at: datetime) -> Iterator[None]:
    """What the time is."""
    before = os.environ.get("JUSTENOUGH_NOW")
    os.environ["JUSTENOUGH_NOW"] = at.isoformat()
    try:
        yield
    finally:
        del os.environ["JUSTENOUGH_NOW"]
        if before is not None:
            os.environ["JUSTENOUGH_NOW"] = before


def read_batch(folder: Path) -> Seen:
    """Read a batch as a careful consumer does: only what the manifest names, every digest, size and count compared."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    payload, rows = {}, []
    for entry in manifest["files"]:
        content = (folder / entry["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"], entry["name"]
        assert len(content) == entry["bytes"], entry["name"]
        found = _parsed(entry["name"], content)
        assert len(found) == entry["rows"], entry["name"]
        if entry["name"] not in {"creatives.ndjson", "audiences.ndjson"}:
            use = {"_use": entry["use"]} if "use" in entry else {}
            rows += [{**row, "_mode": entry["mode"], **use} for row in found]
        payload[entry["name"]] = content
    assert {path.name for path in folder.iterdir()} == {*payload, "manifest.json"}
    assert manifest["rows"] == len(rows)
    return Seen(folder.parent.name, folder.name, manifest, payload, rows)


def payloads(batches: Iterable[Seen]) -> dict[tuple[str, str, str, str], bytes]:
    """Target, brand, date and file -> bytes; what has to be the same however a run was cut or killed."""
    found: dict[tuple[str, str, str, str], bytes] = {}
    for batch in batches:
        for name, content in batch.payload.items():
            place = (batch.target, batch.manifest["brand"], batch.manifest["as_of"], name)
            assert place not in found, place
            found[place] = content
    return found


def _parsed(name: str, content: bytes) -> list[dict[str, Any]]:
    if name.endswith(".csv"):
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    if name.endswith(".parquet"):
        return list(pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist())
    lines = [json.loads(text) for text in content.decode().split("\n") if text]
    return [row for line in lines for row in _sent(line)]


def _sent(line: dict[str, Any]) -> list[dict[str, Any]]:
    """A line that is a request, as one row for each message that it asks for."""
    if "BulkEmailEntries" in line:
        content = {"content": line["DefaultContent"], "sender": line["FromEmailAddress"]}
        return [
            {
                "message_id": entry["ReplacementTags"][0]["Value"],
                "email": entry["Destination"]["ToAddresses"][0],
                "slots": json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]),
                **content,
            }
            for entry in line["BulkEmailEntries"]
        ]
    if "message" in line and "token" in line["message"]:
        return [{"message_id": line["message"]["data"]["message_id"], **line["message"]}]
    return [line]


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        holes = ", ".join("?" * len(rows[0]))
        values = ", ".join(f"({holes})" for _ in rows)
        flat = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for row in rows for value in row]
        connection.execute(f"INSERT INTO {table} VALUES {values}", flat)


def _appearance(path: Path) -> tuple[str, str, int]:
    as_of, _, number = path.name.rpartition("-")
    return path.parent.name, as_of, int(number)
