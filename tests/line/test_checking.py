"""What `check` tries, and what it warns of without saying no."""

from __future__ import annotations

import pytest

from flows.errors import DataError, TemplateError
from flows.line import check
from flows.line.trying import try_words
from tests.tiny import MORNING, Tiny, clock, make

YAML = "sql/segments/owners.yaml"
SMS = "templates/care/sms.j2"
ADS = "{{% block headline %}}{}{{% endblock %}}{{% block description %}}{}{{% endblock %}}"


@pytest.fixture
def tiny(tmp_path) -> Tiny:
    return make(tmp_path / "w")


def warnings(tiny: Tiny) -> list[str]:
    with clock(MORNING):
        return list(check(tiny.load()).warnings)


def texts(tiny: Tiny, channel: str, part: str) -> set[str]:
    found = next(each for each in try_words(tiny.load()) if (each.product.name, each.key.channel) == ("care", channel))
    return set(found.texts[part])


def test_a_workspace_without_fault_has_no_warnings(tiny):
    assert warnings(tiny) == []


def test_every_example_is_tried_with_every_set_of_facts_in_the_layout_of_every_brand(tiny):
    tiny.edit(YAML, "examples: [tent]", "examples: [tent, rope, ~]")
    tiny.edit(YAML, "examples: [Ann]", "examples: [Ann, Bea]")
    assert texts(tiny, "web", "body") == {"Dry it first.", "Ann, dry it first.", "Bea, dry it first."}
    kits = ("kit", "tent", "rope")
    assert texts(tiny, "sms", "body") == {
        f"{name}: Dry your {kit} first: https://{name.lower()}.example.com/care Reply STOP to end"
        for name in ("North", "South")
        for kit in kits
    }


def test_an_example_that_is_not_the_first_is_seen_to_break_the_words(tiny):
    tiny.edit(YAML, "examples: [tent]", "examples: [tent, None]")
    with pytest.raises(TemplateError) as caught:
        try_words(tiny.load())
    assert caught.value.where == "templates/care/email.j2"
    assert caught.value.what == "with last_order facts, part 'subject' prints 'None'"


@pytest.mark.parametrize("suffix", [".de", ".short"])
def test_words_of_each_language_and_variant_are_tried(tiny, suffix):
    if suffix == ".de":
        tiny.speak("de")
    else:
        tiny.edit("templates/care/product.yaml", "because:", "test: {variants: {short: 50%, long: 50%}}\nbecause:")
    text = (tiny.folder / SMS).read_text("utf-8").replace("kit", "None")
    (tiny.folder / f"templates/care/sms{suffix}.j2").write_text(text, "utf-8")
    with pytest.raises(TemplateError) as caught:
        try_words(tiny.load())
    assert caught.value.where == f"templates/care/sms{suffix}.j2"


def test_a_draft_is_tried_too(tiny):
    tiny.edit("templates/care/product.yaml", "status: live", "status: draft")
    tiny.edit(SMS, "kit", "None")
    with pytest.raises(TemplateError):
        try_words(tiny.load())


def test_a_field_without_examples_is_named(tiny):
    tiny.edit("sql/segments/late.yaml", "examples: [tent]", "examples: []")
    assert warnings(tiny) == ["sql/segments/late.yaml:3: field 'item' has no examples, so its wording was not tried"]


def test_a_segment_that_no_product_uses_is_named(tiny):
    (tiny.folder / "sql/segments/forgotten.sql").write_text("SELECT 1", "utf-8")
    assert warnings(tiny) == ["sql/segments/forgotten: no product uses this segment, so it was not looked at"]


def test_a_text_message_is_measured_as_it_is_sent(tiny):
    """With the layout it is 321 characters of GSM-7 at most: three segments of 153."""
    room = 320 - len("North: Dry your tent first: https://north.example.com/care Reply STOP to end")
    tiny.edit(SMS, "first:", f"first:{'x' * room}")
    assert warnings(tiny) == [
        "templates/care/sms.j2: a message comes to 3 segments (320 units of GSM-7), and is paid as so many; 2 are plenty"
    ]
    tiny.edit(SMS, "x" * room, "x" * (room - 14))
    assert warnings(tiny) == []


@pytest.mark.parametrize(
    ("headline", "description", "said"),
    [
        ("x" * 30, "x" * 90, []),
        ("x" * 31, "x" * 90, ["'headline' comes to 31 characters, and ads_audiences takes or shows 30"]),
        ("x" * 30, "x" * 91, ["'description' comes to 91 characters, and ads_audiences takes or shows 90"]),
        ("字" * 15, "x" * 90, []),
        ("字" * 15 + "x", "x" * 90, ["'headline' comes to 31 characters, and ads_audiences takes or shows 30"]),
    ],
)
def test_an_advertisement_longer_than_its_platform_takes_is_told(tiny, headline, description, said):
    tiny.advertise(1)
    words = ADS.format(headline, description)
    (tiny.folder / "templates/care/ads.j2").write_text(words, "utf-8")
    told = [warning for warning in warnings(tiny) if "ads.j2" in warning]
    assert told == [f"templates/care/ads.j2: {what}" for what in said]


def test_an_advertisement_is_judged_by_the_platforms_that_are_set_up_and_no_others(tiny):
    tiny.advertise(1)
    south = "\n\n[tool.justenough.targets.south]"
    tiny.edit("pyproject.toml", f'"ads_audiences"{south}', f'"meta_custom_audience"{south}')
    tiny.edit("pyproject.toml", '"ads_audiences"', '"linkedin_audience"')
    words = "{% block headline %}Dry your {% if item %}{{ item }}{% else %}kit{% endif %} first, and well{% endblock %}"
    (tiny.folder / "templates/care/ads.j2").write_text(
        f"{words}{{% block description %}}{'x' * 126}{{% endblock %}}", "utf-8"
    )
    tiny.edit(YAML, "examples: [tent]", "examples: [tent, hammock]")

    def told():
        return [warning.partition("ads.j2: ")[2] for warning in warnings(tiny) if "ads.j2" in warning]

    assert told() == [
        "'headline' comes to 32 characters, and meta_custom_audience takes or shows 27",
        "'description' comes to 126 characters, and meta_custom_audience takes or shows 125",
    ]
    with (tiny.folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.justenough.platforms.meta_custom_audience]\nheadline = 32\ndescription = 126\n")
    assert told() == []


def test_the_files_that_were_bound_are_named_and_none_where_there_is_no_warehouse_yet(tiny):
    with clock(MORNING):
        assert check(tiny.load()).bound == (
            "sql/customers.sql",
            "sql/consent.sql",
            "sql/suppressions.sql",
            "sql/exclusions/barred.sql",
            "sql/segments/late.sql",
            "sql/segments/owners.sql",
        )
        tiny.edit("pyproject.toml", 'database = "warehouse.duckdb"\n', "")
        assert check(tiny.load()).bound == ()


def test_an_example_may_be_a_list_where_words_loop_over_the_field(tiny):
    tiny.edit("sql/segments/owners.sql", "n.item,", "[n.item] AS item,")
    tiny.edit(YAML, "examples: [tent]", "examples: [[tent, rope]]")
    for name in ("email", "web", "sms"):
        tiny.edit(f"templates/care/{name}.j2", "{{ item }}", "{% for each in item %}{{ each }}{% endfor %}")
    assert warnings(tiny) == []
    assert "Looking after your tentrope" in texts(tiny, "email", "subject")


EMAIL, LAYOUT = "templates/care/email.j2", "templates/_shared/email_layout.j2"


def refusal(tiny: Tiny) -> tuple[str, str]:
    with pytest.raises(TemplateError) as caught:
        try_words(tiny.load())
    return caught.value.where, caught.value.what


def test_a_text_that_is_hard_to_read_is_told_with_its_line_and_its_mode(tiny):
    tiny.edit(EMAIL, "<p>Hello", '\n<p style="color:#777777">Hello')
    pale = f"{EMAIL}:4: 'Hello Ann, dry it first.' has a contrast of"
    change = "and 4.5 can be read; change its colour, or what is behind it"
    assert warnings(tiny) == [f"{pale} 4.48 in light mode, {change}"]
    style = "body { background: #222222; color: #eeeeee }"
    tiny.edit(LAYOUT, "<body>", f"<style>@media (prefers-color-scheme: dark) {{ {style} }}</style><body>")
    assert warnings(tiny) == [
        f"{pale} {figure} in {mode} mode, {change}" for figure, mode in (("4.48", "light"), ("3.55", "dark"))
    ]


def test_links_lead_to_hosts_of_the_brand_of_the_action_and_of_the_setting(tiny):
    tiny.edit(EMAIL, "dry it first.</p>", '<a href="https://img.example.net/">dry</a> it first.</p>')
    what = "the href of <a> leads to img.example.net, which is no host of this brand"
    assert refusal(tiny) == (f"{EMAIL}:3", what)
    tiny.edit("pyproject.toml", "[tool.justenough]\n", '[tool.justenough]\nlink_hosts = ["img.example.net"]\n')
    assert warnings(tiny) == []
    tiny.edit("pyproject.toml", "img.example.net", "img.example.org")
    tiny.edit("templates/care/product.yaml", "url: /care", "url: https://img.example.net/care")
    assert warnings(tiny) == []


@pytest.mark.parametrize("sender", ["north", "south"])
def test_what_one_sender_alone_would_send_is_refused(tiny, sender):
    tiny.edit(LAYOUT, "{{ content }}<a", f"{{{{ content }}}}{{% if brand_name == '{sender}' %}}<i>{{% endif %}}<a")
    assert refusal(tiny)[1] == "<i> is not closed"


def test_marketing_by_text_message_says_how_to_end_it(tiny):
    tiny.edit("templates/_shared/sms_layout.j2", " Reply {{ brand.sms_stop_word }} to end", " Bye")
    where, what = refusal(tiny)
    assert (where, what) == (
        "templates/_shared/sms_layout.j2",
        "marketing by text message does not say that STOP ends it",
    )


def test_a_sender_whom_nobody_can_tell_to_stop_is_told(tiny):
    tiny.edit("pyproject.toml", 'sms_sender = "70700"', 'sms_sender = "NORTH"')
    tiny.edit("pyproject.toml", 'sms_sender = "70701"\nsms_stop_word = "STOP"', 'sms_sender = "70701"')
    tiny.edit(
        "templates/_shared/sms_layout.j2", "{% if is_marketing %}", "{% if is_marketing and brand.sms_stop_word %}"
    )
    where = "pyproject.toml: tool.justenough.brands"
    assert warnings(tiny) == [
        f"{where}.north.default: nobody can answer STOP to the name 'NORTH'; send from a number",
        f"{where}.south.default: there is no `sms_stop_word`; most countries want marketing by SMS to say how to end it",
    ]


def test_a_gap_is_told_for_the_facts_that_leave_it(tiny):
    tiny.edit(EMAIL, "<p>Hello{% if first_name %} {{ first_name }}{% endif %},", "<p>Hello <b>{{ first_name }}</b>,")
    assert refusal(tiny) == (EMAIL, "with no facts, part 'html' leaves a gap: 'Hello , dry it'")


@pytest.mark.parametrize("more", [3, 4])
def test_more_than_four_fields_of_one_dimension_in_a_message_are_warned_of_where_the_fifth_stands(tiny, more):
    fields = [f"detail_{number}" for number in range(1, more + 1)]
    tiny.edit(
        YAML,
        "  item:",
        "".join(f"  {name}: {{dimension: last_order, examples: [new]}}\n" for name in fields) + "  item:",
    )
    tiny.edit("sql/segments/owners.sql", "n.item,", "n.item, " + "".join(f"n.item AS {name}, " for name in fields))
    printed = "".join(f"\n{{% if {name} %}}{{{{ {name} }}}}{{% endif %}}" for name in fields)
    tiny.edit(
        "templates/care/web.j2", "{% block body %}", "{% block body %}{% if item %}{{ item }}{% endif %}: " + printed
    )
    line = (tiny.folder / "templates/care/web.j2").read_text("utf-8").split("{{ detail_4 }}")[0].count("\n") + 1
    told = (
        f"templates/care/web.j2:{line}: the message uses 5 fields of last_order, more than 4: item, {', '.join(fields)}"
    )
    assert warnings(tiny) == ([told] if more == 4 else [])


def test_a_need_that_no_outcome_can_end_is_told_and_a_query_for_outcomes_is_held_against_what_is_asked_of_it(tiny):
    tiny.edit("templates/care/product.yaml", "success:", "ends_when: [returned]\nsuccess:")
    [told] = warnings(tiny)
    assert told.startswith("templates/care/product.yaml:17: ")
    assert told.endswith("no outcome ends it, since there is no file in sql/outcomes/")
    (tiny.folder / "sql/outcomes").mkdir()
    file = tiny.folder / "sql/outcomes/needs.sql"
    file.write_text("SELECT customer_id, 'returned' AS outcome FROM needs")
    with pytest.raises(DataError, match=r"sql/outcomes/needs.sql: the column 'happened_at' is missing"):
        warnings(tiny)
    file.write_text("SELECT customer_id, 'returned' AS outcome, since_at AS happened_at FROM needs")
    assert warnings(tiny) == []
