"""Programs for mailing lists that really import: `python mailing_lists.py newsletter|mailman FOLDER`, in a process of its own.

A list of files' contents comes as JSON from standard input; the addresses that are subscribed of each go to standard output, or
what the program says against the file as a whole.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = list[str] | str


def newsletter(_folder: Path) -> Callable[[str], Answer]:
    """django-newsletter's `parse_csv`, with its tables in memory."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    apps = [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sites",
        "sorl.thumbnail",
        "newsletter",
    ]
    settings.configure(
        INSTALLED_APPS=apps,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        NEWSLETTER_THUMBNAIL="sorl-thumbnail",
        NEWSLETTER_USE_HTTPS=True,
        SITE_ID=1,
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.forms import ValidationError
    from newsletter.addressimport.parsers import parse_csv
    from newsletter.models import Newsletter

    mine = Newsletter.objects.create(title="Care", slug="care", email="care@example.com", sender="Care")

    def load(content: str) -> Answer:
        try:
            return list(parse_csv(io.BytesIO(content.encode()), mine))
        except ValidationError as error:
            return error.messages[0]
        except csv.Error as error:  # it guesses the dialect
            return str(error)

    return load


def mailman(folder: Path) -> Callable[[str], Answer]:
    """Mailman's `addmembers`, into a list of its own for each file."""
    from click.testing import CliRunner
    from mailman.core.initialize import initialize

    config = folder / "mailman.cfg"
    config.write_text(
        f"[mailman]\nlayout: here\n[paths.here]\nvar_dir: {folder}/var\n[mta]\nincoming: mailman.mta.null.NullMTA\n"
    )
    initialize(str(config))
    from mailman.app.lifecycle import create_list
    from mailman.commands.cli_addmembers import addmembers
    from mailman.database.transaction import transaction
    from mailman.interfaces.domain import IDomainManager
    from zope.component import getUtility

    with transaction():
        getUtility(IDomainManager).add("lists.example.com")
    made = []

    def load(content: str) -> Answer:
        made.append(f"care-{len(made)}@lists.example.com")
        with transaction():
            mine = create_list(made[-1])
        (folder / "members.txt").write_text(content, "utf-8")
        done = CliRunner().invoke(addmembers, ["--no-welcome-msg", str(folder / "members.txt"), made[-1]])
        return (
            [address.original_email for address in mine.members.addresses]
            if done.exit_code == 0
            else repr(done.exception)
        )

    return load


if __name__ == "__main__":
    kind, folder = sys.argv[1:]
    answer = {"newsletter": newsletter, "mailman": mailman}[kind](Path(folder))
    sys.stdout.write(json.dumps([answer(content) for content in json.load(sys.stdin)]))
