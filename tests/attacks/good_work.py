"""Products as good CRM engineers write them, over the tables of the sample's warehouse: a workspace that holds them all.

A product is one file, `honest/<name>.sql`: a head of comments (the help, the dimension of each field, what is given away and what
is unseen), then parts: `--- segment` is the query, `--- words` an e-mail, where the usual one that says every field will not do,
and `--- shared <table>` a query of sql/shared/. A product lists its dimensions in the order of its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import yaml

from tests.attacks.workspace import PRODUCT
from tests.tiny import FILES, KEY

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
EXAMPLES = {
    "first_name": ["Anna", "José-María"],
    "item": ["Alpine 3", "Summit mountaineering boots"],
    "arrived_on": ["2026-11-17"],
    "drop_off": ["Leipzig"],
    "tier": ["gold", "blue"],
}
VIEW = """
CREATE VIEW latest_orders AS
SELECT o.customer_id, o.brand, o.ordered_at, i.name AS item
FROM orders AS o
INNER JOIN order_lines AS l USING (order_id)
INNER JOIN items AS i USING (item_id)
QUALIFY row_number() OVER (PARTITION BY o.customer_id, o.brand ORDER BY o.ordered_at DESC, l.line_number) = 1
"""


@dataclass(frozen=True)
class Honest:
    """A product that is to pass.

    Attributes:
        path: its file.
        help: what it is for, in a sentence.
        fields: each field -> its dimensions.
        because, unseen: the dimensions that people can tell by getting it, and those that they cannot.
        parts: `segment`, `words`, `shared <table>` -> text.
    """

    path: Path
    help: str
    fields: dict[str, list[str]]
    because: list[str]
    unseen: list[str]
    parts: dict[str, str]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def dimensions(self) -> list[str]:
        return list(dict.fromkeys(name for of in self.fields.values() for name in of))

    @property
    def words(self) -> str:
        said = "".join(f"{{% if {name} %}}<p>So it is: {{{{ {name} }}}}.</p>{{% endif %}}\n" for name in self.fields)
        usual = {"subject": "A word", "preheader": "Three minutes.", "html": f"<p>Hello.</p>\n{said}", "text": "Hello."}
        blocks = "".join(f"{{% block {name} %}}{text}{{% endblock %}}\n" for name, text in usual.items())
        return self.parts.get("words", blocks)


def read_honest(path: Path) -> Honest:
    head, *parts = path.read_text("utf-8").split("\n--- ")
    help_, *lines = [line.removeprefix("-- ") for line in head.strip().splitlines()]
    said = dict(line.split(": ", 1) for line in lines)
    fields = {name: of.split("+") for name, of in (each.split(" ") for each in said["fields"].split(", "))}
    because, unseen = ([*filter(None, said.get(key, "").split(", "))] for key in ("because", "unseen"))
    return Honest(path, help_, fields, because, unseen, dict(part.split("\n", 1) for part in parts))


HONEST = [read_honest(path) for path in sorted((HERE / "honest").glob("*.sql"))]
TOO_MUCH = read_honest(HERE / "too_much.sql")


def shop(products: list[Honest], folder: Path) -> Path:
    """A workspace with these products over the sample's tables, which are empty; `folder` is created."""
    shared = [part.removeprefix("shared ") for each in products for part in each.parts if part.startswith("shared ")]
    tables = "tables:\n  latest_orders: {person: customer_id}\n"
    tables += "".join(f"  {name}: {{personal: false}}\n" for name in shared)
    sample = {f"sql/{name}": (ROOT / "sql" / name).read_text("utf-8") for name in ("customers.sql", "consent.sql")}
    files = {
        **sample,
        "pyproject.toml": _of_the_sample(FILES["pyproject.toml"]),
        "sql/dimensions.yaml": (ROOT / "sql/dimensions.yaml").read_text("utf-8").replace("tables:\n", tables, 1),
        "templates/_shared/email_layout.j2": FILES["templates/_shared/email_layout.j2"],
    }
    for product in products:
        files |= _files(product)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (folder / ".justenough").mkdir(mode=0o700)
    (folder / ".justenough/key").write_text(KEY, "ascii")
    (folder / ".justenough/key").chmod(0o600)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute((ROOT / "sql/sample/01_schema.sql").read_text("utf-8") + VIEW)
    return folder


def _of_the_sample(text: str) -> str:
    """With the sample's brands."""
    return text.replace("north", "nordtal").replace("south", "seewind")


def _files(product: Honest) -> dict[str, str]:
    declared = {name: {"dimension": of, "examples": EXAMPLES.get(name, [None])} for name, of in product.fields.items()}
    unseen = dict.fromkeys(product.unseen, "Nobody can tell from a word of care.")
    lists = {"dimensions": product.dimensions, "because": product.because, "unseen": unseen}
    lists |= {"channels": {"first_of": ["email"]}, "segment": product.name}
    name = product.name
    return {
        f"sql/segments/{name}.sql": product.parts["segment"],
        f"sql/segments/{name}.yaml": yaml.safe_dump({"fields": declared}, allow_unicode=True),
        f"templates/{name}/product.yaml": _of_the_sample(PRODUCT).replace("segment: told\n", "")
        + yaml.safe_dump(lists),
        f"templates/{name}/email.j2": product.words,
        **{
            f"sql/shared/{part.removeprefix('shared ')}.sql": text
            for part, text in product.parts.items()
            if part.startswith("shared ")
        },
    }
