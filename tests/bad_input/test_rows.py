"""Rows that are wrong, all of them in one run, each beside a good one: what becomes of each, read off the files that leave.

The numbers are those of `catalogue.py`. Names go through an e-mail (subject, HTML, text), an SMS and a web profile.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from tests.tiny import Seen, Tiny, make

if TYPE_CHECKING:
    from collections.abc import Sequence

FAMILY = "👨\u200d👩\u200d👧"


def bad(number: int, *case: Any) -> Any:
    """A case of the catalogue: the first of its values is its customer, named after the number and the value."""
    return pytest.param(*case, marks=pytest.mark.bad_input(number), id=f"{number}-{case[0]}")


# customer, what the warehouse holds, what is read of it (None: nothing), the same in HTML where it is not the same
NAMES = (
    bad(1, "tag", "Ann<script>", "Ann<script>", "Ann&lt;script&gt;"),
    bad(2, "header", "Ann\r\nBcc: x@y.example", "Ann Bcc: x@y.example", None),
    bad(3, "direction", "A\u202enn", "Ann", None),
    bad(4, "invisible", "\ufeffA\u200bnn", "Ann", None),
    bad(5, "tower", "Z" + "\u0335" * 200, "Z" + "\u0335" * 3, None),
    bad(6, "page", "x" * 500, "x" * 80, None),
    bad(6, "page_of_letters", "e\u0301" * 500, "é" * 80, None),
    bad(75, "megabytes", "x" * 5_000_000, "x" * 80, None),
    bad(7, "family", FAMILY, FAMILY, None),
    bad(7, "page_of_families", FAMILY * 100, FAMILY * 80, None),
    bad(9, "nul", "A\x00nn", "Ann", None),
    bad(10, "cyrillic", "\u0410nn", "\u0410nn", None),
    bad(11, "null", "NULL", None, None),
    bad(11, "none", "None", None, None),
    bad(11, "nan", "nan", None, None),
    bad(11, "na", " n/a ", None, None),
    bad(11, "test", "Test", "Test", None),  # there are people of this name
    bad(12, "empty", "", None, None),
    bad(12, "blank", " \t\u00a0 ", None, None),
    bad(13, "capitals", "ANN", "ANN", None),
    bad(14, "template", "{{ 7*7 }}", "{{ 7*7 }}", None),
    bad(14, "slot", "{{{s1}}}{% raw %}", "{{{s1}}}{% raw %}", None),
    bad(15, "signs", "O'Brien & Søn", "O'Brien & Søn", "O&#39;Brien &amp; Søn"),
    bad(16, "separators", "A\u2028n\u2029n", "A n n", None),
    bad(17, "decomposed", "Rene\u0301", "René", None),
    bad(18, "address", "call 015112345699 or me@x.example.com", "call 015112345699 or me@x.example.com", None),
    bad(88, "formula", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0", "=cmd|&#39; /C calc&#39;!A0"),
    bad(91, "line", "Ann\u2028Bo\u0085Cy", "Ann Bo Cy", None),
)  # fmt: skip

# customer, the e-mail address of the warehouse, the one that is sent to (None: BAD_ADDRESS)
LONGEST = f"{'a' * 59}@{'b' * 60}.{'c' * 60}.{'d' * 60}.example.com"
EMAILS = (
    bad(19, "no_at", "ann.example.com", None),
    bad(20, "two_ats", "ann@b@example.com", None),
    bad(21, "capitals_and_blanks", " A.B@X.com ", "A.B@x.com"),
    bad(22, "dotted_i", "İ@x.com", None),
    bad(23, "umlauts", "ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
    bad(24, "two_addresses", "a@b.com,c@d.com", None),
    bad(25, "quoted", '"a b"@x.com', None),
    bad(26, "too_long", f"a{LONGEST}", None),
    bad(26, "longest", LONGEST, LONGEST),
    bad(29, "equals_sign", "=cmd@x.com", None),
    bad(30, "line_break", "ann\r\nBcc: x@example.com", None),
    bad(69, "nul_within", "an\x00n@example.com", None),
)

# customer, country, the number of the warehouse, the one that is sent to (None: BAD_ADDRESS on SMS)
PHONES = (
    bad(31, "no_country", None, "0701234531", None),
    bad(31, "by_country", "SE", "0701234531", "+46701234531"),
    bad(32, "spaced", None, "+46 70-123 45 32", "+46701234532"),
    bad(33, "digits", None, "46701234533", "+46701234533"),
    bad(34, "scientific", "SE", "4.67E+10", None),
    bad(35, "short", "SE", "+1555", None),
    bad(36, "landline", "SE", "+46 8 123 456 78", None),
    bad(36, "premium", "SE", "+46 900 123 45 67", None),
    bad(37, "plus", "SE", "+46701234537", "+46701234537"),
)

# customer, interest: a score that is no number is none
SCORES = (
    bad(39, "score_nan", "'nan'"),
    bad(39, "score_infinite", "'inf'"),
    bad(39, "score_below_all", "'-inf'"),
)

# customer, what was said after the yes of everybody: state, when
SAID = (
    bad(44, "state_null", "NULL", "'2026-11-01'"),
    bad(44, "state_empty", "''", "'2026-11-01'"),
    bad(44, "when_null", "'no'", "NULL"),
)

IDS = (
    bad(78, "0012"),
    bad(78, "1E5"),
    bad(94, "98765432109876543210"),
    bad(94, "00000000000000000000001"),
)


@dataclass(frozen=True)
class Ran:
    """What left, and what was decided of whom."""

    tiny: Tiny
    batches: dict[str, Seen]
    decisions: pl.DataFrame

    def row(self, target: str, customer: str) -> dict[str, Any]:
        """The one row for somebody in a target's files."""
        (row,) = [row for row in self.batches[target].rows if row["customer_id"] == customer]
        return row

    def reached(self, target: str) -> set[str]:
        return {row["customer_id"] for row in self.batches[target].rows}

    def fate(self, customer: str) -> tuple[str | None, dict[str, str]]:
        """The reason why somebody gets nothing, and that of each channel that is closed."""
        found = self.decisions.row(by_predicate=pl.col("customer_id") == customer, named=True)
        return found["reason"], {closed["channel"]: closed["reason"] for closed in found["closed"]}

    def mail(self, customer: str) -> dict[str, str]:
        """The parts of an e-mail as a tool merges them: each slot replaced, once."""
        row, batch = self.row("email_file", customer), self.batches["email_file"]
        lines = batch.payload["creatives.ndjson"].decode().split("\n")
        creatives = {made["creative_id"]: made["parts"] for made in map(json.loads, filter(None, lines))}
        return {
            part: re.sub(r"\{\{\{(\w+)\}\}\}", lambda slot: row[slot[1]], text)
            for part, text in creatives[row["creative_id"]].items()
        }


def _cases(params: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [param.values for param in params]


def _people() -> list[tuple[Any, ...]]:
    """Customer, brand, e-mail, phone, name, item, interest; a good row before and after each bad one."""
    wrong = [(name, f"{name}@x.example.com", None, text) for name, text, *_ in _cases(NAMES)]
    wrong += [(name, email, None, "Ann") for name, email, _ in _cases(EMAILS)]
    wrong += [(name, f"{name}@x.example.com", phone, "Ann") for name, _, phone, _ in _cases(PHONES)]
    wrong += [(name, f"{name}@x.example.com", None, "Ann") for name, *_ in _cases([*SCORES, *SAID, *IDS])]
    wrong += [("twin_a", "twin@x.example.com", None, "Ann"), ("twin_b", "Twin@X.example.com", None, "Ann")]
    wrong += [("role", "info@x.example.com", None, "Ann"), ("early", "early@x.example.com", None, "Ann")]
    wrong += [("no_number", "no_number@x.example.com", None, "Ann")]
    rows = []
    for place, (name, email, phone, text) in enumerate(wrong):
        rows.append((f"{name}_good", "north", f"{name}_good@x.example.com", f"+49151124{place:05}", "Gil", "tent", 3.0))
        rows.append((name, "north", email, phone or f"+49151123{place:05}", text, text, 3.0))
    return rows


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> Ran:
    tiny = make(tmp_path_factory.mktemp("rows") / "w", people=_people(), late=(), brands=["north"])
    tiny.edit("pyproject.toml", 'default_region = "DE"\n', "")
    tiny.edit(
        "templates/care/product.yaml", "{first_of: [email, sms], also: [web]}", "{first_of: [email], also: [sms, web]}"
    )
    tiny.edit("sql/segments/owners.sql", "n.interest", "n.interest, n.price")
    tiny.edit("sql/segments/owners.yaml", "fields:", "fields:\n  price: {dimension: last_order, examples: [9.5]}")
    tiny.edit("templates/care/web.j2", "it first.", "it first.{% if price %} It was {{ price }}.{% endif %}")
    countries = "".join(
        f"UPDATE people SET country = {f'{country!r}' if country else 'NULL'} WHERE customer_id = '{name}';"
        for name, country, *_ in _cases(PHONES)
    )
    scores = "".join(
        f"UPDATE needs SET interest = {value} WHERE customer_id = '{name}';" for name, value in _cases(SCORES)
    )
    said = "".join(
        f"INSERT INTO consents VALUES ('s', '{name}', 'north', '*', '*', {state}, {when});"
        for name, state, when in _cases(SAID)
    )
    tiny.warehouse(
        f"""
        ALTER TABLE needs ADD COLUMN price DOUBLE DEFAULT 9.5;
        UPDATE needs SET price = 'nan' WHERE customer_id = 'no_number';
        INSERT INTO suppressed VALUES ('email', 'Info@x.example.com', NULL, 'role', NULL);
        UPDATE consents SET happened_at = '2999-01-01' WHERE customer_id = 'early';
        {countries}{scores}{said}
        """
    )
    outcome = tiny.run()
    (file,) = (tiny.state / "plans" / outcome.plan.order.run_id / "decisions").iterdir()
    return Ran(tiny, {batch.target: batch for batch in tiny.batches()}, pl.read_parquet(file))


@pytest.mark.parametrize(("customer", "written", "read", "in_html"), NAMES)
def test_a_name_is_cleaned_escaped_and_never_looked_into(ran, customer, written, read, in_html):
    mail, html = ran.mail(customer), in_html or read
    assert mail["subject"] == f"Looking after your {read or 'new kit'}"
    assert f"<body><p>Hello{f' {html}' if html else ''}, dry it first.</p><a " in mail["html"]
    assert mail["text"].startswith(f"Hello{f' {read}' if read else ''}, dry it first.\nhttps://")
    assert ran.row("sms_file", customer)["body"] == (
        f"North: Dry your {read or 'kit'} first: https://north.example.com/care Reply STOP to end"
    )
    shown = ran.row("web_profiles", customer)["payload"]
    assert shown["headline"] == f"Looking after your {read or 'new kit'}"
    assert shown["body"].startswith(f"{f'{read}, dry' if read else 'Dry'} it first.")


@pytest.mark.parametrize(("customer", "written", "address"), EMAILS)
def test_an_e_mail_address_is_read_or_costs_its_row_alone(ran, customer, written, address):
    if address is not None:
        assert ran.row("email_file", customer)["email"] == address
        assert ran.fate(customer) == (None, {})
        return
    assert ran.fate(customer) == ("BAD_ADDRESS", {"email": "BAD_ADDRESS"})
    assert not any(customer in ran.reached(target) for target in ran.batches)


@pytest.mark.parametrize(("customer", "country", "written", "number"), PHONES)
def test_a_number_is_read_or_costs_its_text_message_alone(ran, customer, country, written, number):
    assert ran.row("email_file", customer)
    assert ran.row("web_profiles", customer)
    if number is not None:
        assert ran.row("sms_file", customer)["to"] == number
        assert ran.fate(customer) == (None, {})
        return
    assert ran.fate(customer) == (None, {"sms": "BAD_ADDRESS"})
    assert customer not in ran.reached("sms_file")


@pytest.mark.bad_input(57, 58)
def test_what_a_name_makes_of_a_text_message_is_counted(ran):
    """`€[]{}` cost two units each, and one letter outside the small alphabet turns the whole message."""
    sizes = {
        name: (row["encoding"], row["segments"])
        for row in ran.batches["sms_file"].rows
        for name in [row["customer_id"]]
    }
    assert sizes["tag"] == sizes["template"] == ("GSM-7", "1")
    assert sizes["cyrillic"] == sizes["tower"] == ("UCS-2", "2")
    assert sizes["page_of_families"] == ("UCS-2", "11")


@pytest.mark.bad_input(27)
def test_a_role_address_gets_nothing_where_the_list_says_so(ran):
    assert ran.fate("role")[1] == {"email": "SUPPRESSED"}
    assert ran.fate("role")[0] == "SUPPRESSED"


@pytest.mark.bad_input(28)
def test_two_customers_of_one_address_get_one_e_mail(ran):
    assert ran.row("email_file", "twin_a")["email"] == "twin@x.example.com"
    assert "twin_b" not in ran.reached("email_file")
    assert {"twin_a", "twin_b"} <= ran.reached("web_profiles")


@pytest.mark.parametrize(("customer", "interest"), SCORES)
def test_a_score_that_is_no_number_is_no_reason_to_speak(ran, customer, interest):
    assert ran.fate(customer)[0] == "BELOW_THRESHOLD"


@pytest.mark.parametrize(("customer", "state", "happened_at"), SAID)
def test_what_nobody_can_read_in_a_consent_is_a_no(ran, customer, state, happened_at):
    assert ran.fate(customer)[0] == "NO_CONSENT"


@pytest.mark.bad_input(45, 84)
def test_a_yes_that_lies_ahead_is_none(ran):
    assert ran.fate("early")[0] == "NO_CONSENT"


@pytest.mark.parametrize("customer", IDS)
def test_an_id_stays_the_text_that_it_is(ran, customer):
    assert all(customer in ran.reached(target) for target in ran.batches)


@pytest.mark.bad_input(92)
def test_a_value_that_is_no_number_is_in_no_file(ran):
    def refuse(token: str) -> None:
        pytest.fail(f"{token} is no JSON")

    (content,) = ran.batches["web_profiles"].payload.values()
    bodies = {}
    for line in content.split(b"\n")[:-1]:
        profile = json.loads(line, parse_constant=refuse)
        bodies[profile["customer_id"]] = profile["payload"]["body"]
    assert bodies["no_number"] == "Ann, dry it first."
    assert bodies["no_number_good"] == "Gil, dry it first. It was 9.5."


@pytest.mark.bad_input(108)
@pytest.mark.parametrize("target", ["email_file", "sms_file"])
def test_no_line_of_a_table_is_blank(ran, target):
    """Readers skip a blank line, and with it a row that has nothing to say in a file of one column."""
    for name, content in ran.batches[target].payload.items():
        if name.endswith(".csv"):
            head, *lines = content.decode().split("\n")[:-1]
            assert head.count(",") > 1
            assert len(lines) == len(ran.batches[target].rows)
            assert all(line.count(",") >= head.count(",") for line in lines)


def test_every_good_row_beside_them_is_delivered_everywhere(ran):
    good = {row[0] for row in _people() if row[0].endswith("_good")}
    assert len(good) > 60
    for target in ("email_file", "sms_file", "web_profiles"):
        assert good <= ran.reached(target)
    silent = {"role", "early", *(case[0] for case in _cases([*SCORES, *SAID]))}
    silent |= {name for name, _, address in _cases(EMAILS) if address is None}
    assert ran.reached("web_profiles") == {row[0] for row in _people()} - silent
