"""Words that people sign: unsigned ones are told to nobody, and a change of a word asks anew."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from flows import cli, line
from flows.errors import PlanError, ProductError, SettingError, UsageError
from tests.tiny import MORNING, Tiny, clock, make

if TYPE_CHECKING:
    from pathlib import Path

LENA, BO = "lena", "bo"


@pytest.fixture(scope="module")
def _german(tmp_path_factory) -> Tiny:
    people = [(f"c{n:02}", "north", f"p{n}@x.example.com", None, "Ann", "tent", 3.0) for n in range(4)]
    tiny = make(tmp_path_factory.mktemp("signing") / "tiny", brands=["north"], people=people, late=[])
    tiny.warehouse("UPDATE people SET locale = 'de-AT' WHERE customer_id IN ('c01', 'c02')")
    tiny.speak("de")
    tiny.edit("templates/late/product.yaml", "status: live", "status: draft")
    roles = '[tool.justenough.approval.wording]\nlegal = ["lena"]\nbrand = ["bo", "lena"]\n\n[tool.justenough.crowd]'
    tiny.edit("pyproject.toml", "[tool.justenough.crowd]", roles)
    return tiny


@pytest.fixture
def tiny(_german, tmp_path) -> Tiny:
    """`care` in English, to c00 and c03, and in German, to c01 and c02; two roles have to sign its words."""
    return _german.copy(tmp_path / "tiny")


def sign(tiny: Tiny, role: str, who: str, language: str | None = None, product: str = "care") -> line.Signed:
    with clock(MORNING):
        return line.sign(tiny.load(), product, language, role, who)


def command(tiny: Tiny, *arguments: str) -> int:
    with clock(MORNING):
        return cli.main([*arguments, "--workspace", str(tiny.folder)])


def told(tiny: Tiny) -> set[str]:
    return {row["customer_id"] for seen in tiny.batches() for row in seen.rows if row.get("customer_id")}


def test_words_that_nobody_has_signed_are_told_to_nobody_and_each_language_waits_for_its_own(tiny):
    unsigned = "legal and brand have not signed its words"
    plan = tiny.plan()
    assert plan.order.unsigned == {"care": {"de": unsigned, "en": unsigned}}
    assert plan.people["marketing"].reasons == {"LOCALE_MISMATCH": 4}
    assert sign(tiny, "legal", LENA).waiting == dict.fromkeys(("de", "en"), "brand has not signed its words")
    assert sign(tiny, "brand", BO, "de").waiting == {"en": "brand has not signed its words"}
    done = tiny.run()
    assert done.plan.order.unsigned == {"care": {"en": "brand has not signed its words"}}
    assert done.plan.people["marketing"].reasons == {"LOCALE_MISMATCH": 2}
    assert told(tiny) == {"c01", "c02"}  # nobody else is told in German, or in English
    assert tiny.history("SELECT subject, locale, role, approver FROM approval WHERE kind = 'words' ORDER BY ALL") == [
        ("care", "de", "brand", BO), ("care", "de", "legal", LENA), ("care", "en", "legal", LENA),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_change_of_a_word_asks_anew_and_says_what_has_changed(tiny, capsys):
    for role in ("legal", "brand"):
        sign(tiny, role, LENA)
    assert tiny.plan().order.unsigned == {}
    tiny.edit("templates/care/sms.de.j2", "Dry your", "Air your")
    tiny.edit("templates/_shared/email_layout.j2", "Unsubscribe:", "Leave:")
    who = "legal and brand have not signed its words, of which {} changed since they were"
    assert command(tiny, "run", "--json") == 3
    found = json.loads(capsys.readouterr().out)["plan"]["order"]["unsigned"]
    layout = "templates/_shared/email_layout.j2"
    assert found == {"care": {"de": who.format("sms.de.j2"), "en": who.format(layout)}}
    assert told(tiny) == set()
    assert command(tiny, "run") == 3
    said = " ".join(capsys.readouterr().out.split())
    assert f"care says nothing in de, since {who.format('sms.de.j2')}: see justenough approve --help" in said
    assert command(tiny, "check", "--json") == 0
    warnings = json.loads(capsys.readouterr().out)["warnings"]
    step = "once they are read: justenough approve --wording care --locale de --role ROLE --as NAME"
    assert f"care says nothing in de, since {who.format('sms.de.j2')}; {step}" in warnings
    assert command(tiny, "approve", "--wording", "care", "--role", "legal", "--as", LENA) == 3
    assert command(tiny, "approve", "--wording", "care", "--role", "brand", "--as", BO) == 0
    assert command(tiny, "run") == 0
    assert told(tiny) == {"c00", "c01", "c02", "c03"}


@pytest.mark.slow
@pytest.mark.parametrize("part", ["the button", "a macro"])
def test_the_button_and_macros_are_words_too(tiny, part):
    if part == "a macro":
        (tiny.folder / "templates/_shared/hello.j2").write_text("{% macro hello() %}Hello{% endmacro %}", "utf-8")
        text = (tiny.folder / "templates/care/sms.j2").read_text("utf-8")
        words = '{% from "_shared/hello.j2" import hello %}' + text.replace("Dry", "{{ hello() }} dry")
        (tiny.folder / "templates/care/sms.j2").write_text(words, "utf-8")
    for role in ("legal", "brand"):
        sign(tiny, role, LENA)
    assert tiny.plan().order.unsigned == {}
    if part == "a macro":
        tiny.edit("templates/_shared/hello.j2", "Hello", "Good day")
    else:
        tiny.edit("templates/care/product.yaml", "url: /care", "url: /buy")
    assert "en" in tiny.plan().order.unsigned["care"]


def test_who_may_not_sign_is_refused(tiny):
    for role, who, product, complaint in (
        ("market", LENA, "care", "nobody signs words as 'market'"),
        ("legal", BO, "care", "'bo' does not sign as legal"),
        ("legal", LENA, "car", "there is no product 'car'"),
    ):
        with pytest.raises((UsageError, ProductError), match=complaint):
            sign(tiny, role, who, product=product)
    with pytest.raises(ProductError, match="care has no words in 'fr'"):
        sign(tiny, "legal", LENA, "fr")


@pytest.mark.slow
def test_a_draft_is_signed_before_it_goes_live(tiny):
    tiny.edit("templates/care/product.yaml", "status: live", "status: draft")
    assert set(sign(tiny, "legal", LENA).waiting) == {"de", "en"}
    assert sign(tiny, "brand", BO).waiting == {}
    tiny.edit("templates/care/product.yaml", "status: draft", "status: live")
    assert tiny.plan().order.unsigned == {}


@pytest.mark.slow
def test_signatures_that_are_written_by_hand_count_as_nothing(tiny):
    signed = sign(tiny, "brand", BO)
    assert signed.languages == ("de", "en")
    tiny.change("INSERT INTO approval SELECT * REPLACE ('legal' AS role, 'lena' AS approver) FROM approval")
    assert tiny.run().plan.people["marketing"].reasons == {"LOCALE_MISMATCH": 4}
    assert told(tiny) == set()
    assert tiny.history("SELECT * FROM claim") == []


@pytest.mark.slow
@pytest.mark.parametrize("way", ["the ledger", "the settings"])
def test_a_signature_that_is_gone_when_a_batch_is_sealed_takes_its_messages_out(tiny, while_staged, way):
    for role in ("legal", "brand"):
        sign(tiny, role, LENA)
    plan = tiny.plan()
    if way == "the settings":
        tiny.edit("pyproject.toml", 'legal = ["lena"]', 'legal = ["bo"]')
        with pytest.raises(PlanError, match="settings, words or SQL have changed"):
            tiny.deliver(plan.order.run_id)
        assert tiny.batches() == []
        return
    while_staged("email_file", lambda: tiny.change("DELETE FROM approval WHERE role = 'legal' AND locale = 'de'"))
    done = tiny.deliver(plan.order.run_id)
    mail = next(batch for batch in done.published if batch.target == "email_file")
    assert (mail.rows, mail.dropped) == (2, {"LOCALE_MISMATCH": 2})
    assert told(tiny) == {"c00", "c03"}
    assert tiny.history("SELECT count(*) FROM claim") == [(2,)]


@pytest.mark.slow
def test_words_of_a_plan_that_are_edited_on_disk_are_told_to_nobody(tiny):
    for role in ("legal", "brand"):
        sign(tiny, role, LENA)
    plan = tiny.plan()
    folder = tiny.state / "plans" / plan.order.run_id
    creatives = folder / "creatives.ndjson"
    before = digest(creatives)
    creatives.write_text(creatives.read_text("utf-8").replace("dry it first", "buy a new one"), "utf-8")
    file = folder / "plan.json"
    file.write_text(file.read_text("utf-8").replace(before, digest(creatives)), "utf-8")
    with pytest.raises(PlanError, match="this plan is not as it was made here"):
        tiny.deliver(plan.order.run_id)
    assert tiny.batches() == []


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_role_without_anybody_is_refused(tiny):
    tiny.edit("pyproject.toml", 'legal = ["lena"]', "legal = []")
    with pytest.raises(SettingError, match=r"approval\.wording"):
        tiny.load()
