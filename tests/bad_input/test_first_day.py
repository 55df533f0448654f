"""What a newcomer may bring or leave half done: a clear word each, with the place and the next step, before a row is read.

Each case is told by the command that a newcomer calls, as it prints it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from flows import cli
from flows.errors import OutboxError
from flows.starting import start_workspace
from tests.bad_input.refusing import with_page
from tests.house.tree import ROOT

pytestmark = pytest.mark.slow

CATALOGUE, PRODUCT = "sql/dimensions.yaml", "templates/first_help/product.yaml"
SHOP = """
CREATE TABLE people AS SELECT 'P' || n AS customer_id, 'p' || n || '@example.com' AS email, 'Ann' AS first_name
    FROM range(90) t (n);
CREATE TABLE items AS SELECT n AS item_id, 'thing ' || chr((65 + n)::INTEGER) || 'xyz' AS title FROM range(20) t (n);
CREATE TABLE orders AS SELECT n AS order_id, 'P' || n * 7 % 90 AS customer_id, true AS is_paid, n::VARCHAR AS label,
    TIMESTAMP '2026-11-20' - interval (n) HOUR AS ordered_at, TIMESTAMP '2026-11-20' AS loaded_at FROM range(300) t (n);
CREATE TABLE order_lines AS SELECT n AS line_id, n % 300 AS order_id, n % 20 AS item_id FROM range(500) t (n);
"""
ORDERS = "orders: {person: customer_id, happened_at: ordered_at, loaded_at: loaded_at}"
LINES = "order_lines: {person: {via: order_id, to: orders}}"
PEOPLE = "people: {person: customer_id}"
NAME = 'columns: ["people.first_name"], known: declared'
CAST = "name another column, or a view in the warehouse that casts it: CREATE VIEW … AS SELECT … FROM"
ANOTHER = "start another one, justenough init DIR, and take over what is missing here"
BESIDE = "draft another one beside it, and take over what is missing; name a new one: justenough init DIR"
NOWHERE = "CatalogueError sql/dimensions.yaml:LINE: tables.order_lines: its way leads to no person: "


@pytest.fixture(scope="module")
def drafted(tmp_path_factory) -> Path:
    """A folder with a DuckDB file, and `shop/` as `justenough init` drafts it."""
    folder = tmp_path_factory.mktemp("newcomer")
    database(folder / "shop.duckdb", SHOP)
    start_workspace(folder / "shop", folder / "shop.duckdb")
    return folder


@pytest.fixture
def here(drafted, tmp_path, monkeypatch) -> Path:
    """The folder in which commands are called, with a copy of both."""
    folder = shutil.copytree(drafted, tmp_path / "here")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("JUSTENOUGH_NOW", "2026-11-22T09:00:00+00:00")
    return folder


@pytest.fixture
def say(capsys, here):
    """What a command complained of; nothing where all is well."""

    def call(*command: str) -> str:
        capsys.readouterr()
        code = cli.main(list(command))
        told = capsys.readouterr().err.replace(str(here), "<here>").replace(str(here.resolve()), "<here>")
        told = told.replace(f"{ROOT}/docs", "docs")
        return told if code else ""

    return call


def database(path: Path, statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute(statements)


def test_the_draft_itself_is_well(say):
    assert say("check", "--workspace", "shop") == ""


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        (
            ("pyproject.toml",),
            (
                "SettingError <here>/shop: this is a workspace half filled in: it has sql/ and "
                f"templates/, and no pyproject.toml\n  hint: {ANOTHER}\n"
            ),
        ),
        (
            ("pyproject.toml", "sql"),
            (
                "SettingError <here>/shop: this is a workspace half filled in: it has templates/, and no "
                f"pyproject.toml\n  hint: {ANOTHER}\n"
            ),
        ),
        (
            ("pyproject.toml", "sql", "templates"),
            (
                "SettingError <here>/shop: this is not a workspace: it has no pyproject.toml\n  hint: "
                "name one with --workspace DIR\n"
            ),
        ),
        (
            ("sql",),
            (
                "CatalogueError sql/dimensions.yaml: this file is missing or cannot be read\n"
                "  hint: write it, or mend its name; the documentation shows one\n"
            ),
        ),
        (
            ("sql/segments",),
            (
                "ProductError templates/first_help/product.yaml:LINE: there is no segment 'first_help' in sql/segments/\n"
                "  hint: nothing is known here yet: write it first, or take it out\n"
            ),
        ),
        (
            ("sql/customers.sql",),
            (
                "StatementError sql/customers.sql: this file is missing or cannot be read\n"
                "  hint: write it, or mend its name; the documentation tells what it yields\n"
            ),
        ),
        (
            ("templates",),
            "ProductError templates/: there is no product in this workspace\n  hint: add a folder with a product.yaml\n",
        ),
        (
            (PRODUCT,),
            (
                "ProductError templates/first_help/product.yaml: this file is missing\n  hint: write it, "
                "or begin the folder's name with _\n"
            ),
        ),
        (
            ("templates/first_help/email.j2",),
            (
                "TemplateError templates/first_help/email.j2: the product has no words for this "
                "channel\n  hint: write them, or drop the channel\n"
            ),
        ),
        (
            ("templates/_shared",),
            (
                "TemplateError templates/_shared/email_layout.j2: this file is missing or cannot be "
                "read\n  hint: create it, or mend its name\n"
            ),
        ),
    ],
)
def test_a_workspace_without_some_of_it_says_what_is_missing(here, say, gone, told):
    for name in gone:
        path = here / "shop" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for command in ("check", "run"):
        assert lineless(say(command, "--workspace", "shop")) == with_page(told)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        (
            "pyproject.toml",
            "",
            (
                "SettingError pyproject.toml: there is no table [tool.justenough]\n  hint: add one, as "
                "`justenough init` does\n"
            ),
        ),
        (
            "sql/customers.sql",
            "-- to be written\n",
            (
                "StatementError sql/customers.sql: there is no SELECT in this file\n  hint: write it; "
                "the documentation tells what it yields\n"
            ),
        ),
        (
            CATALOGUE,
            "",
            ("CatalogueError sql/dimensions.yaml: this file is empty\n  hint: write it; the documentation shows one\n"),
        ),
        (
            CATALOGUE,
            "tables:\ndimensions:\n",
            (
                "CatalogueError sql/dimensions.yaml:LINE: 'tables' has no value\n  hint: write one, or "
                "take the key out\n"
            ),
        ),
        (
            PRODUCT,
            "",
            (
                "ProductError templates/first_help/product.yaml: this file is empty\n  hint: write it; "
                "the documentation shows one\n"
            ),
        ),
        (
            "templates/first_help/email.j2",
            "",
            (
                "TemplateError templates/first_help/email.j2: the block 'subject' is missing\n  hint: "
                "add {% block subject %}…{% endblock %}\n"
            ),
        ),
    ],
)
def test_a_file_that_is_still_empty_is_named(here, say, file, text, told):
    (here / "shop" / file).write_text(text, "utf-8")
    assert lineless(say("check", "--workspace", "shop")) == with_page(told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'environment = "rehearsal"',
            "",
            (
                "ProductError templates/first_help/product.yaml:LINE: 'shop' is no brand of this workspace\n"
                '  hint: say in pyproject.toml who speaks: [tool.justenough.brands."shop".default]\n'
            ),
        ),
    ],
)
def test_settings_that_lack_something_say_what(here, say, old, new, told):
    edit(here / "shop" / "pyproject.toml", old, new)
    for command in ("check", "run"):
        assert lineless(say(command, "--workspace", "shop")) == with_page(told)


def test_a_workspace_without_a_database_is_warned_of_by_check_and_refused_by_run(here, say, capsys):
    edit(here / "shop" / "pyproject.toml", "database =", "# database =")
    assert cli.main(["check", "--workspace", "shop"]) == 0
    hint = "name your DuckDB file there, or your folder of Parquet"
    assert f"pyproject.toml: there is no `database`, so nothing can run; {hint}" in capsys.readouterr().out
    told = f"SourceError pyproject.toml: tool.justenough: there is no `database`\n  hint: {hint}\n"
    assert lineless(say("run", "--workspace", "shop")) == with_page(told)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            ORDERS,
            f"visits: {{person: customer_id}}\n  {ORDERS}",
            (
                "StatementError sql/dimensions.yaml:LINE: the table 'visits' is in the catalogue but not "
                "in the database\n  hint: take it out, or load it\n"
            ),
        ),
        (
            PEOPLE,
            "people: {person: customerid}",
            (
                "StatementError sql/dimensions.yaml:LINE: the table 'people' has no column "
                "'customerid'\n  hint: did you mean 'customer_id'?\n"
            ),
        ),
        (
            PEOPLE,
            "people: {person: customer_id, routing: [land]}",
            (
                "StatementError sql/dimensions.yaml:LINE: the table 'people' has no column 'land'\n  "
                "hint: known here: customer_id, email, first_name\n"
            ),
        ),
        (
            LINES,
            "order_lines: {person: {via: orderid, to: orders}}",
            (
                "StatementError sql/dimensions.yaml:LINE: the table 'order_lines' has no column "
                "'orderid'\n  hint: did you mean 'order_id'?\n"
            ),
        ),
        (
            LINES,
            "order_lines: {person: {via: order_id, to: order}}",
            f"{NOWHERE}'order' has no entry here\n  hint: did you mean 'orders'?\n",
        ),
        (
            LINES,
            "order_lines: {person: {via: item_id, to: items}}",
            (
                f"{NOWHERE}the rows of items are nobody's\n  hint: say how the rows of items belong to a "
                "person, or go by way of another table\n"
            ),
        ),
        (
            ORDERS,
            "orders: {person: {via: order_id, to: order_lines}}",
            (
                f"{NOWHERE}it goes round, order_lines → orders → order_lines\n  hint: give order_lines or "
                f"orders the column with the customer's id: {{person: customer_id}}\n"
            ),
        ),
        (
            LINES,
            "order_lines: {person: {via: order_id, to: orders, key: label}}",
            (
                "StatementError sql/dimensions.yaml:LINE: 'order_lines.order_id' is BIGINT, and "
                f"'orders.label', to which it leads, is VARCHAR\n  hint: {CAST} order_lines\n"
            ),
        ),
        (
            "happened_at: ordered_at",
            "happened_at: order_id",
            (
                "StatementError sql/dimensions.yaml:LINE: `happened_at` has to be an instant or a day, "
                f"and 'orders.order_id' is BIGINT\n  hint: {CAST} orders\n"
            ),
        ),
        (
            "loaded_at: loaded_at",
            "loaded_at: is_paid",
            (
                "StatementError sql/dimensions.yaml:LINE: `loaded_at` has to be an instant or a day, and "
                f"'orders.is_paid' is BOOLEAN\n  hint: {CAST} orders\n"
            ),
        ),
        (
            "loaded_at: loaded_at",
            "loaded_at: load_at",
            (
                "StatementError sql/dimensions.yaml:LINE: the table 'orders' has no column 'load_at'\n  "
                "hint: did you mean 'loaded_at'?\n"
            ),
        ),
        (
            "dimensions:\n",
            "free_text: [orders.note]\ndimensions:\n",
            (
                "StatementError sql/dimensions.yaml:LINE: the table 'orders' has no column 'note'\n  "
                "hint: known here: customer_id, is_paid, label, loaded_at, order_id, ordered_at\n"
            ),
        ),
        (
            NAME,
            f"{NAME}, routing_for: {{people.land: [match]}}",
            (
                "StatementError sql/dimensions.yaml:LINE: the table 'people' has no column 'land'\n  "
                "hint: known here: customer_id, email, first_name\n"
            ),
        ),
        (
            NAME,
            f"{NAME}, routing_for: {{people.first_name: [mtch]}}",
            (
                "CatalogueError sql/dimensions.yaml:LINE: "
                "dimensions.name.routing_for.people.first_name.0: 'mtch' is not known\n  hint: did you "
                "mean 'match'?\n"
            ),
        ),
    ],
)
def test_a_catalogue_that_contradicts_the_database_is_told_with_its_line(here, say, old, new, told):
    edit(here / "shop" / CATALOGUE, old, new)
    for command in ("check", "run"):
        assert lineless(say(command, "--workspace", "shop")) == with_page(told)


def test_a_column_that_has_become_text_is_no_time_any_more(here, say):
    database(here / "shop.duckdb", "ALTER TABLE orders ALTER ordered_at TYPE VARCHAR")
    told = (
        "StatementError sql/dimensions.yaml:LINE: `happened_at` has to be an instant or a day, "
        "and 'orders.ordered_at' is VARCHAR\n"
    )
    assert lineless(say("run", "--workspace", "shop")) == with_page(f"{told}  hint: {CAST} orders\n")


@pytest.mark.parametrize(
    ("gone", "what", "hint"),
    [
        (
            (),
            "this is a workspace already",
            "justenough check --workspace shop; or name a new one: justenough init DIR",
        ),
        (("pyproject.toml",), "this is a workspace half filled in, without pyproject.toml", BESIDE),
        (
            ("sql", "templates"),
            "this is a workspace half filled in, without sql/dimensions.yaml, sql/customers.sql, templates",
            BESIDE,
        ),
        (
            ("pyproject.toml", "sql", "templates"),
            "this folder is not empty",
            "name a new one: justenough init DIR",
        ),
    ],
)
def test_init_where_something_is_says_what_is_there(here, say, gone, what, hint):
    for name in gone:
        path = here / "shop" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before = sorted((here / "shop").rglob("*"))
    told = with_page(f"UsageError shop: {what}\n  hint: {hint}\n")
    assert say("init", "shop", "--database", "shop.duckdb") == told
    assert sorted((here / "shop").rglob("*")) == before


def test_init_in_a_file_is_refused_and_beside_gits_own_files_it_goes_on(here, say):
    assert "this is a file, and no folder" in say("init", "shop.duckdb")
    (here / "new" / ".git").mkdir(parents=True)
    assert say("init", "new", "--database", "shop.duckdb") == ""
    assert say("check", "--workspace", "new") == ""


def test_init_that_is_killed_half_way_leaves_no_workspace_behind(here, say, monkeypatch):
    written = Path.write_text

    def killed(path: Path, *given) -> int:
        if path.name == "product.yaml":
            raise OSError(28, "No space left on device")
        return written(path, *given)

    monkeypatch.setattr(Path, "write_text", killed)
    with pytest.raises(OutboxError, match="No space left on device") as caught:
        start_workspace(here / "half", here / "shop.duckdb")
    assert caught.value.hint.endswith("take away what is there, and call init again")
    monkeypatch.undo()
    assert "half filled in" in say("check", "--workspace", str(here / "half"))


ROW = "n AS {}, 'p' || n || '@example.com' AS email FROM range(70) t (n)"
BY_SHOP = (
    "CREATE TABLE customers AS SELECT n % 7 AS shop_id, n // 7 AS customer_no, 'Ann' AS first_name FROM range(70) t (n)"
)


@pytest.mark.parametrize(
    ("statements", "what", "hint"),
    [
        (
            "",
            "there is no table in it",
            "load your customers into it: CREATE TABLE customers AS FROM read_csv('customers.csv')",
        ),
        (
            "CREATE SCHEMA crm; CREATE TABLE crm.people (id INTEGER)",
            "its tables are in the schema crm, and only those of the schema main are read",
            'copy there what messages may use: CREATE TABLE main."people" AS FROM "crm"."people"',
        ),
        (
            "CREATE TABLE items AS SELECT n AS item_id, 'thing ' || n AS title FROM range(9) t (n)",
            (
                "no table here is about people: nothing looks like a customer's id, an e-mail address or "
                "a telephone number"
            ),
            "name the column of their ids, with --person TABLE.COLUMN; or load such a table",
        ),
        (
            "CREATE TABLE items (item_id INTEGER, title VARCHAR)",
            (
                "no table here is about people: nothing looks like a customer's id, an e-mail address or "
                "a telephone number"
            ),
            "name the column of their ids, with --person TABLE.COLUMN; or load such a table",
        ),
        (
            BY_SHOP,
            ("a row of customers is told by shop_id and customer_no together, and people have one key here"),
            (
                "CREATE TABLE customers_by_id AS SELECT shop_id || '-' || customer_no AS person_id, * "
                "FROM customers; so with each table that has both; or if customer_no alone is a person: "
                "--person customers.customer_no"
            ),
        ),
    ],
)
def test_a_database_without_people_says_what_it_has_instead(here, say, statements, what, hint):
    database(here / "own.duckdb", statements)
    told = with_page(f"SourceError own.duckdb: {what}\n  hint: {hint}\n")
    assert say("init", "own", "--database", "own.duckdb") == told
    assert not (here / "own").exists()


def test_people_of_two_columns_are_drafted_once_these_are_joined_as_it_says(here, say):
    orders = "CREATE TABLE orders AS SELECT n AS order_no, n % 7 AS shop_id, n // 7 % 10 AS customer_no FROM range(200) t (n)"
    joined = "CREATE TABLE {0}_by_id AS SELECT shop_id || '-' || customer_no AS person_id, * FROM {0}"
    database(here / "own.duckdb", ";".join([BY_SHOP, orders, joined.format("customers"), joined.format("orders")]))
    assert say("init", "own", "--database", "own.duckdb") == ""
    assert say("check", "--workspace", "own") == ""
    assert "customers_by_id: {person: person_id}" in (here / "own" / CATALOGUE).read_text("utf-8")


def test_people_who_stand_twice_are_drafted_so_that_check_is_content(here, say):
    database(
        here / "own.duckdb",
        (
            "CREATE TABLE people AS SELECT n % 35 AS customer_id, 'p' || n % 35 || '@example.com' AS "
            "email FROM range(70) t (n)"
        ),
    )
    assert say("init", "own", "--database", "own.duckdb") == ""
    assert say("check", "--workspace", "own") == ""


def test_people_of_whom_there_is_no_row_yet_are_said_to_be_missing(here):
    database(here / "own.duckdb", "CREATE TABLE people (customer_id VARCHAR, email VARCHAR)")
    started = start_workspace(here / "own", here / "own.duckdb")
    assert started.missing[1] == "people: people has no row yet, and a run stops at a source that is empty"
    assert "rehearse = true" in (here / "own" / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("files", "what", "hint"),
    [
        ({}, "there is no Parquet in this folder", "put <table>.parquet, or a folder <table>/ of such files, into it"),
        (
            {"people.csv": b"customer_id,email\n0012,a@example.com\n"},
            "there is no Parquet in this folder",
            (
                "load the CSV into a DuckDB file, each once, with the types that you want: "
                "CREATE TABLE \"people\" AS FROM read_csv('people.csv', all_varchar = true)"
            ),
        ),
        ({"own.duckdb": b"x"}, "there is no Parquet in this folder", "name the DuckDB file in it: own.duckdb"),
    ],
)
def test_a_folder_without_parquet_says_what_to_do_with_what_it_holds(here, say, files, what, hint):
    (here / "lake").mkdir()
    for name, content in files.items():
        (here / "lake" / name).write_bytes(content)
    told = with_page(f"SourceError lake: {what}\n  hint: {hint}\n")
    assert say("init", "own", "--database", "lake") == told


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        (
            b"",
            "this file is not a DuckDB database",
            ("name a DuckDB file, or a folder of Parquet; load what is anything else into a DuckDB file"),
        ),
        (
            b"customer_id,email\n",
            "this file is not a DuckDB database",
            ("name a DuckDB file, or a folder of Parquet; load what is anything else into a DuckDB file"),
        ),
        (None, "there is no such file or folder", "name your DuckDB file, or your folder of Parquet, after --database"),
    ],
)
def test_a_file_that_is_no_database_says_what_to_name(here, say, content, what, hint):
    if content is not None:
        (here / "own.duckdb").write_bytes(content)
    told = with_page(f"SourceError own.duckdb: {what}\n  hint: {hint}\n")
    assert say("init", "own", "--database", "own.duckdb") == told


def test_a_broken_file_of_parquet_and_an_encrypted_database_are_named(here, say):
    (here / "lake").mkdir()
    (here / "lake" / "people.parquet").write_bytes(b"PAR1 and no more")
    told = (
        "SourceError lake/people: a file of this table is no Parquet, or was cut short: DuckDB "
        "refused it\n  hint: write it anew, or take it out\n"
    )
    assert say("init", "own", "--database", "lake") == with_page(told)
    with duckdb.connect() as connection:
        connection.execute(
            "SET force_mbedtls_unsafe = 'true'; ATTACH 'closed.duckdb' (ENCRYPTION_KEY 'secret'); DETACH closed"
        )
    told = say("init", "own", "--database", "closed.duckdb")
    assert told.startswith(
        "SourceError closed.duckdb: this database is encrypted, and its key is not known here\n  hint: copy it"
    )
    assert "secret" not in told


def test_the_page_that_an_error_names_can_be_opened_from_where_it_was_called(here, capsys, monkeypatch):
    for folder in (here, ROOT / "docs", ROOT):
        monkeypatch.chdir(folder)
        assert cli.main(["check", "--workspace", str(here)]) == 2
        page = capsys.readouterr().err.rpartition("  see: ")[2].strip()
        assert Path(page).is_file()
    assert page == "docs/reference/settings.md"


def test_a_table_of_people_and_nothing_else_goes_all_the_way(here):
    """The smallest database that there is, by the program itself: words that use no fact at all reach their seed."""
    database(here / "own.duckdb", f"CREATE TABLE people AS SELECT {ROW.format('customer_id')}")
    script = "from flows.cli import program; program()"
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    for command in (
        "init own --database own.duckdb",
        "check --workspace own",
        "run --workspace own",
        "explain 1 --workspace own",
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *command.split()],
            cwd=here,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "By email: That they agreed to it is taken for granted in this rehearsal." in done.stdout
    (file,) = (here / "own" / "outbox-rehearsal").glob("email_file/2*/recipients-0001.csv")
    assert "you@example.com" in file.read_text("utf-8")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


def lineless(told: str) -> str:
    """A complaint without the number of its line, and without what a rehearsal says first."""
    lines = [line for line in told.splitlines(keepends=True) if not line.startswith(("[rehearsal]", "planning"))]
    place, dot, rest = "".join(lines).partition(".yaml:")
    number = rest.partition(":")[0]
    return f"{place}{dot}LINE{rest.removeprefix(number)}" if number.isdigit() else "".join(lines)
