"""Cases that smuggle a fact, as workspaces: each attack beside its honest twin, which says as much as it shows.

A case is one file, `sql/<mechanism>/<case>.sql`: a head of comments, then parts after lines `--- attack` and `--- honest`, each a
query of the segment `told`. `--- attack <path>`, `--- honest <path>` and `--- both <path>` are other files of the workspace.
Cases of templates are the same in `templates/<mechanism>/<case>.j2`: there the parts are the words of an e-mail, the query is
`FACTS`, and the head says what product.yaml lists.

    laid(case, "attack", folder)  # a workspace with its DuckDB file: load_workspace(folder) reads it
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from tests.tiny import FILES, KEY

HERE = Path(__file__).parent
SIDES = ("attack", "honest")
SEGMENT = "sql/segments/told.sql"
WORDS = "templates/told/email.j2"
CATALOGUE = """
tables:
  people:     {person: customer_id, routing: [country, locale, email, phone]}
  orders:     {person: customer_id}
  visits:     {person: customer_id}
  over_fifty: {person: customer_id}
  greeted:    {person: customer_id}
  bought:     {person: customer_id}
  latest:     {person: customer_id}
  consents:   {person: customer_id, happened_at: happened_at}
  items:      {personal: false}
  stores:     {personal: false}
  ages:       {personal: false}
  popular:    {personal: false}
dimensions:
  name:         {my: my name, columns: [people.first_name], known: declared}
  age:          {my: my age, columns: [people.age], known: declared}
  where_i_live: {my: where I live, columns: [people.city, people.home], known: declared}
  size:         {my: my size, columns: [people.traits], known: inferred}
  last_order:   {my: my last order, columns: [orders.*], known: observed}
  visits:       {my: my visits, columns: [visits.*], known: observed}
  with_us:      {my: how long I have been with you, columns: [people.joined_at], known: observed}
"""
POPULAR = """
SELECT item_id, count(*) AS times FROM orders GROUP BY item_id HAVING count(DISTINCT customer_id) >= 10
"""
PRODUCT = """
help:
  need: Owners ask how to look after what they have bought.
  kind: teach
  action: {label: {default: Read the guide, de: Anleitung lesen}, url: /care}
owner: crm@example.com
status: live
review_by: 2027-06-30
message_type: marketing
topic: care
brands: [north, south]
segment: told
when: {valid_for: 5 days}
once_every: {every: 30 days, per: person}
relevance: {}
success: {helped: no_question, business: ordered_again, within: 14 days}
"""
EMAIL = """\
{% block subject %}A word{% if note %}: {{ note }}{% endif %}{% endblock %}
{% block preheader %}Three minutes now.{% endblock %}
{% block html %}<p>Hello{% if note %}, {{ note }}{% endif %}.</p>{% endblock %}
{% block text %}Hello{% if note %}, {{ note }}{% endif %}.{% endblock %}
"""


FACTS = """
SELECT
    p.customer_id,
    p.brand,
    p.first_name,
    p.city,
    p.age,
    p.age > 50 AS is_over_fifty,
    [p.first_name, p.age::varchar] AS packed,
    l.title,
    l.ordered_on,
    b.titles,
    v.pages
FROM people AS p
LEFT JOIN latest AS l ON l.customer_id = p.customer_id
LEFT JOIN (
    SELECT customer_id, list(title ORDER BY ordered_on, order_id) AS titles FROM bought GROUP BY customer_id
) AS b ON b.customer_id = p.customer_id
LEFT JOIN (
    SELECT customer_id, list(page ORDER BY visit_id) AS pages FROM visits GROUP BY customer_id
) AS v ON v.customer_id = p.customer_id
"""
TOLD = """
fields:
  first_name:    {dimension: name, examples: [Ann, Ben]}
  city:          {dimension: where_i_live, examples: [Bonn, Graz]}
  age:           {dimension: age, examples: [34, 61]}
  is_over_fifty: {dimension: age, examples: [true, false]}
  packed:        {dimension: [name, age], examples: [[Ann, "34"]]}
  title:         {dimension: last_order, examples: [tent, rope]}
  ordered_on:    {dimension: last_order, examples: [2026-11-02]}
  titles:        {dimension: last_order, examples: [[tent], [rope, stove]]}
  pages:         {dimension: visits, examples: [[care], [sale, home]]}
"""


@dataclass(frozen=True)
class Case:
    """One smuggler and its twin.

    Attributes:
        path: its file.
        trick: how it smuggles, in a sentence.
        shows: side -> the dimensions that `note` declares, and product.yaml lists.
        unseen: side -> those by which people are chosen.
        because: side -> those that people can tell from getting it at all.
        also: side -> the channels beside e-mail.
        refused: the class, the place and the beginning of what is said of the attack.
        parts: (attack or honest, file of the workspace) -> text.
    """

    path: Path
    trick: str
    shows: dict[str, tuple[str, ...]]
    unseen: dict[str, tuple[str, ...]]
    because: dict[str, tuple[str, ...]]
    also: dict[str, tuple[str, ...]]
    refused: str
    parts: dict[tuple[str, str], str]

    @property
    def mechanism(self) -> str:
        return self.path.parent.name

    @property
    def name(self) -> str:
        return f"{self.mechanism}/{self.path.stem}"


def read_case(path: Path) -> Case:
    head, *parts = path.read_text("utf-8").split("\n--- ")
    trick, *lines = [line.removeprefix("-- ") for line in head.strip().splitlines()]
    said = dict(line.split(": ", 1) for line in lines)
    usual = SEGMENT if path.suffix == ".sql" else WORDS
    found = {}
    for part in parts:
        title, text = part.split("\n", 1)
        which, _, file = title.partition(" ")
        for side in SIDES if which == "both" else (which,):
            found[side, file or usual] = text
    listed = {key: {side: _listed(said, key, side) for side in SIDES} for key in ("shows", "unseen", "because", "also")}
    return Case(path, trick, refused=said["refused"], parts=found, **listed)


def _listed(said: dict[str, str], key: str, side: str) -> tuple[str, ...]:
    text = said.get(f"{key} in the {side}", said.get(key, ""))
    return tuple(text.split(", ")) if text else ()


CASES = [read_case(path) for path in sorted((HERE / "sql").glob("*/*.sql"))]
TEMPLATES = [read_case(path) for path in sorted((HERE / "templates").glob("*/*.j2"))]


def make_warehouse(path: Path) -> Path:
    """The warehouse of all cases."""
    with duckdb.connect(str(path)) as connection:
        connection.execute((HERE / "warehouse.sql").read_text("utf-8"))
    return path


def laid(case: Case, side: str, folder: Path, warehouse: Path | None = None) -> Path:
    """A workspace with one side of a case, in a new folder.

    Args:
        case: the case.
        side: attack or honest.
        folder: is created.
        warehouse: one of `make_warehouse`, to be copied; None makes it anew.
    """
    is_sql = case.path.suffix == ".sql"
    shown = yaml.safe_dump({"dimension": list(case.shows[side]) or None, "examples": [None]}, default_flow_style=True)
    unseen = dict.fromkeys(case.unseen[side], "Nobody can tell from a word of care.")
    deciding = {"unseen": unseen, "dimensions": list(case.shows[side])}
    deciding |= {"because": list(case.because[side])} if case.because[side] else {}
    deciding |= {"channels": {"first_of": ["email"], "also": list(case.also[side])}}
    files = {
        "pyproject.toml": FILES["pyproject.toml"],
        "sql/dimensions.yaml": CATALOGUE,
        "sql/customers.sql": "SELECT customer_id, brand, country, locale, email FROM people",
        "sql/consent.sql": FILES["sql/consent.sql"],
        "sql/shared/popular.sql": POPULAR,
        SEGMENT: FACTS,
        "sql/segments/told.yaml": f"fields:\n  note: {shown}" if is_sql else TOLD,
        "templates/told/product.yaml": PRODUCT + yaml.safe_dump(deciding),
        WORDS: EMAIL,
        "templates/_shared/email_layout.j2": FILES["templates/_shared/email_layout.j2"],
    }
    for (which, file), text in case.parts.items():
        files |= {file: text} if which == side else {}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    state = folder / ".justenough"
    state.mkdir(mode=0o700)
    (state / "key").write_text(KEY, "ascii")
    (state / "key").chmod(0o600)
    if warehouse is None:
        make_warehouse(folder / "warehouse.duckdb")
    else:
        shutil.copy(warehouse, folder / "warehouse.duckdb")
    return folder
