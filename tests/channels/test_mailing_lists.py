"""The file of e-mails for any tool, before two programs for mailing lists that really import: django-newsletter and Mailman."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.channels.dirty import NAMES, batch
from tests.channels.judges import ADDRESS, column, table
from tests.channels.test_email_vendors import changed, first

pytestmark = [pytest.mark.oracle]

COLUMNS = [
    "message_id",
    "customer_id",
    "email",
    "creative_id",
    "valid_until",
    "not_before",
    "not_after",
    "unsubscribe_url",
]
SLOTS = ["s1", "s2", "s1_html"]


def imported(kind, contents, folder):
    """What a program subscribes of each file."""
    script = Path(__file__).with_name("mailing_lists.py")
    done = subprocess.run(
        [sys.executable, script, kind, folder], input=json.dumps(contents), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def named(content):
    """The file with the column that somebody calls the name at the import."""
    return content.replace(b",s1,", b",name,", 1).decode()


def test_the_file_has_one_address_in_each_row_and_no_column_that_it_should_not_have(tmp_path):
    content = first(batch("email_file", tmp_path))
    header, rows = table(content)
    assert header == [*COLUMNS, *SLOTS]
    addresses = column(content, "email")
    assert len({address.lower() for address in addresses}) == len(rows) == len(NAMES) >= 12
    assert all(map(ADDRESS.fullmatch, addresses))  # one each
    assert max(map(len, addresses)) <= 254


@pytest.mark.slow
def test_django_newsletter_imports_every_address_and_sees_what_is_wrong_but_for_a_column_more(tmp_path):
    """Of five wrong files it takes the one with an unknown column: the test above sees that."""
    good = first(batch("email_file", tmp_path))
    last = good.split(b"\n")[-2]
    wrong = {
        "no address": changed(good, email="nobody"),
        "an address twice": good + last + b"\n",
        "too long": changed(good, email="a" * 250 + "@example.com"),
        "a short row": good + b"x\n",
        "an unknown column": good.replace(b"\n", b",x\n"),
    }
    answer, *others = imported("newsletter", [named(good), *map(named, wrong.values())], tmp_path)
    assert sorted(answer) == sorted(column(good, "email"))
    assert [what for what, said in zip(wrong, others, strict=True) if isinstance(said, list)] == ["an unknown column"]


@pytest.mark.slow
def test_mailman_subscribes_every_address_and_leaves_out_what_is_none(tmp_path):
    """It skips what is wrong and goes on, so a good file is one of which nobody is missing. Of five wrong ones it takes the one
    with two addresses in a line, and subscribes the first: the first test sees that.
    """
    content = first(batch("email_file", tmp_path))
    people = column(content, "email")
    good = "".join(f"{address}\n" for address in people)
    wrong = {
        "no address": good.replace(people[1], "nobody", 1),
        "an address twice": f"{good}{people[1]}\n",
        "in capitals": f"{good}{people[1].upper()}\n",
        "letters beyond ASCII": f"{good}josé@example.com\n",
        "two addresses": f"{good}x@example.com,y@example.com\n",
    }
    answers = imported("mailman", [good, *wrong.values()], tmp_path)
    lines = [len(text.splitlines()) for text in (good, *wrong.values())]
    taken = [len(answer) == count for answer, count in zip(answers, lines, strict=True)]
    assert sorted(answers[0], key=str.lower) == sorted(people, key=str.lower)
    assert dict(zip(["good", *wrong], taken, strict=True)) == {
        "good": True,
        **dict.fromkeys(wrong, False),
        "two addresses": True,
    }
