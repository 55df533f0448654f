"""What a person wrote stays as it stands: a change takes its own characters alone, or it is refused."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.editing import edited, stands
from flows.errors import ProductError

NAME = "templates/care/product.yaml"
WINNER = {("test", "variants", "guide"): None, ("test", "variants", "list"): "100%"}
LEVEL = {("test", "levels"): None, ("level",): 1}
FLOW = """\
# the guide
status: live   # since May
test: {holdout: 20%, variants: {guide: 50%, list: 50%}, levels: {0: 50%, 2: 50%}}  # until Easter
dimensions: [last_order, name]
"""
BLOCK = """\
status: "live"
test:
  # what is tried
  variants:   # of the words
    guide: 50%   # the long one

    list: 50%    # the short one
  levels:
    0: 50%
    2: 50%   # all
  holdout: 20%
# the end
dimensions:
  - last_order
"""


@pytest.mark.parametrize(
    ("text", "changes", "old", "new"),
    [
        (FLOW, {("status",): "paused"}, "status: live ", "status: paused "),
        (BLOCK, {("status",): "paused"}, '"live"', "paused"),
        (FLOW, {("test", "holdout"): None}, "holdout: 20%, ", ""),
        (BLOCK, {("test", "holdout"): None}, "  holdout: 20%\n", ""),
        (FLOW, WINNER, "guide: 50%, list: 50%", "list: 100%"),
        (BLOCK, WINNER, "    guide: 50%   # the long one\n\n    list: 50% ", "\n    list: 100% "),
        (FLOW, LEVEL, ", levels: {0: 50%, 2: 50%}", ""),
        (BLOCK, LEVEL, "  levels:\n    0: 50%\n    2: 50%   # all\n", ""),
        ("test: {holdout: 10%}\nowner: a\n", {("test", "holdout"): None}, "test: {holdout: 10%}\n", ""),
        ("test:\n  holdout: 10%\nowner: a\n", {("test", "holdout"): None}, "test:\n  holdout: 10%\n", ""),
        ("{a: {b: 1, c: 2,}, d: 3}", {("a", "c"): None}, "b: 1, c: 2,", "b: 1, "),
    ],
)  # fmt: skip
def test_a_change_takes_its_own_characters_alone(text, changes, old, new):
    assert text.count(old) == 1
    expected = text.replace(old, new) + ("level: 1\n" if changes is LEVEL else "")
    assert edited(text, changes, NAME) == expected


def test_line_ends_and_a_missing_last_one_are_kept():
    text = "test: {levels: {0: 1}, holdout: 10%}\r\nlevel: 2 # so far\r\na: 1"
    assert edited(text, LEVEL, NAME) == "test: {holdout: 10%}\r\nlevel: 1 # so far\r\na: 1"
    assert edited("a: 1\r\nb: 2", {("level",): 0}, NAME) == "a: 1\r\nb: 2\r\nlevel: 0\r\n"


@pytest.mark.parametrize(
    "text",
    [
        "shares: &halves {guide: 50%, list: 50%}\ntest: {variants: *halves}\n",
        "{status: live, test: {levels: {0: 1}}}\n",
        "test: {levels: {0: 1}}\nstatus: live\n...\n",
    ],
)
def test_what_cannot_be_changed_by_itself_is_refused(text):
    changes = WINNER if "halves" in text else LEVEL
    with pytest.raises(ProductError) as refused:
        edited(text, changes, NAME)
    assert refused.value.what.startswith("this file is written so that ")
    by_hand = "take out test.variants.guide, set test.variants.list to 100%"
    assert (
        refused.value.hint
        == f"do it by hand: {by_hand if changes is WINNER else 'take out test.levels, set level to 1'}"
    )


def test_what_is_asked_for_may_stand_there_already():
    content = {"level": 0, "test": {"variants": {"list": "100%"}}}
    assert [stands(content, *change) for change in WINNER.items()] == [True, True]
    assert [stands(content, *change) for change in LEVEL.items()] == [True, False]
    assert stands(content, ("test", "variants", "list"), "50%") is False
    assert stands({"level": None}, ("level", "deeper"), None) is True


words = st.text("abcx_", min_size=1, max_size=4)
scalars = st.one_of(st.integers(0, 9), words, st.just("50%"))
documents = st.dictionaries(words, st.one_of(scalars, st.dictionaries(words, scalars, min_size=1)), min_size=2)


@pytest.mark.property
@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(documents, st.booleans(), st.data())
def test_whatever_goes_or_changes_nothing_else_does(content, is_flow, data):
    text = yaml.safe_dump(content, default_flow_style=is_flow, width=9999)
    text = text if is_flow else text.replace("\n", "  # why\n")
    key = data.draw(st.sampled_from(sorted(content)))
    place, inside = (key,), content[key]
    if isinstance(inside, dict) and data.draw(st.booleans()):
        place = (key, data.draw(st.sampled_from(sorted(inside))))
    value = data.draw(st.sampled_from([None, "100%", 3]))
    expected = {name: dict(each) if isinstance(each, dict) else each for name, each in content.items()}
    of = expected if len(place) == 1 else expected[key]
    of.pop(place[-1]) if value is None else of.update({place[-1]: value})
    expected = {name: each for name, each in expected.items() if each != {}}
    changed = edited(text, {place: value}, NAME)
    assert yaml.safe_load(changed) == expected
    if not is_flow:
        assert changed.count("# why") >= text.count("# why") - len(inside if isinstance(inside, dict) else [1]) - 1
