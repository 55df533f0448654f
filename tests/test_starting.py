"""A new workspace: the sample's copy runs, and a draft says what names tell and leaves open what they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from flows.catalogue import read_catalogue
from flows.errors import CatalogueError, SourceError, UsageError
from flows.settings import load_settings
from flows.starting import start_workspace
from flows.workspace import load_workspace
from tests.house.tree import ROOT

PEOPLE = "CREATE TABLE people (Household_ID BIGINT, email_address VARCHAR, first_name VARCHAR, language VARCHAR)"


def database(folder, *statements):
    """A DuckDB file beside the workspace that is to be."""
    path = folder / "own.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def draft(folder, *statements) -> dict[str, str]:
    """The files of a draft over such a database."""
    started = start_workspace(folder / "shop", database(folder, *statements))
    return {file: (folder / "shop" / file).read_text("utf-8") for file in started.files}


def settings_of(workspace):
    """The settings of a draft, once the comment signs before its sender are gone."""
    file = workspace / "pyproject.toml"
    head, sign, sender = file.read_text("utf-8").partition(".default]\n")
    file.write_text(head + sign + sender.replace("# ", ""), "utf-8")
    return load_settings(workspace)


def test_the_sample_is_copied_whole_under_a_name_of_its_own(tmp_path):
    started = start_workspace(tmp_path / "My Trial")
    copied, ours = load_workspace(started.folder), load_workspace(ROOT)
    assert copied.settings.name == "my-trial"
    own = {"workspace", "name", "ledger", "state", "outbox", "key_file"}
    assert copied.settings.model_dump(exclude=own) == ours.settings.model_dump(exclude=own)
    assert (copied.catalogue, copied.products, copied.queries) == (ours.catalogue, ours.products, ours.queries)
    shipped = {
        file.relative_to(ROOT).as_posix()
        for top in ("sql", "templates")
        for file in (ROOT / top).rglob("*.*")
        if not file.is_relative_to(ROOT / "sql" / "ledger")
    }
    editors = {f".vscode/schemas/{kind}.json" for kind in ("product", "dimensions", "segment", "audience")} | {
        ".vscode/settings.json"
    }
    assert set(started.files) == shipped | {"pyproject.toml", ".gitignore"} | editors


def test_what_names_tell_is_drafted(tmp_path):
    files = draft(
        tmp_path,
        PEOPLE,
        "CREATE TABLE orders (household_id BIGINT, item VARCHAR, happened_at TIMESTAMP, loaded_at TIMESTAMP)",
        "CREATE TABLE said (user_id BIGINT, topic VARCHAR, state VARCHAR, happened_at TIMESTAMP)",
        "CREATE TABLE bounces (channel VARCHAR, address VARCHAR)",
    )
    assert [line for line in files["sql/dimensions.yaml"].splitlines() if not line.lstrip().startswith("#")] == [
        "tables:",
        "  bounces: {address: address, may_be_empty: true}",
        "  orders: {person: household_id, happened_at: happened_at, loaded_at: loaded_at}",
        "  people: {person: Household_ID}",
        "  said: {person: user_id, happened_at: happened_at}",
        "dimensions:",
        '  name: {my: my name, columns: ["people.first_name"], known: declared}',
    ]
    assert files["sql/customers.sql"].splitlines()[1:] == [
        "-- Not found in people: country, time_zone, phone, push_token. Add what you have.",
        "select",
        "    Household_ID as customer_id,",
        "    'shop' as brand,",
        "    language as locale,",
        "    email_address as email",
        "from people",
    ]
    assert files["sql/consent.sql"].splitlines()[1:] == [
        "-- Not found in said: event_id, channel, until, source, wording. Add what you have.",
        "select",
        "    user_id as customer_id,",
        "    'shop' as brand,",
        "    topic,",
        "    state,",
        "    happened_at",
        "from said",
    ]
    assert files["sql/suppressions.sql"].splitlines()[2:] == [
        "select",
        "    channel,",
        "    address,",
        "    '*' as brand",
        "from bounces",
    ]


def test_what_names_do_not_tell_is_left_to_a_person(tmp_path):
    own = database(tmp_path, PEOPLE, 'CREATE TABLE "order lines" (line_no INTEGER, amount DOUBLE)')
    started = start_workspace(tmp_path / "shop", own)
    assert started.undecided == ("order lines",)
    assert (
        '  "order lines": {}  # yours to decide: line_no, amount\n'
        in (tmp_path / "shop/sql/dimensions.yaml").read_text()
    )
    with pytest.raises(CatalogueError, match="order lines: it has to be said whose the rows are"):
        read_catalogue(started.folder / "sql")
    assert not {"sql/consent.sql", "sql/suppressions.sql"} & set(started.files)


@pytest.mark.parametrize(
    ("tables", "which"),
    [
        (["CREATE TABLE stock (amount INTEGER)"], "no table has both a customer's id and e-mail addresses"),
        (
            [PEOPLE, "CREATE TABLE leads (user_id BIGINT, email VARCHAR)"],
            "several tables have e-mail addresses (leads, people): choose",
        ),
    ],
)
def test_whom_to_reach_is_not_guessed(tmp_path, tables, which):
    customers = draft(tmp_path, *tables)["sql/customers.sql"]
    assert which in customers
    assert all(line.startswith("--") for line in customers.splitlines())


def test_a_draft_reads_no_row(tmp_path):
    files = draft(tmp_path, PEOPLE, "INSERT INTO people VALUES (4711, 'canary@example.com', 'Canary', 'xx')")
    assert not [name for name, text in files.items() if any(word in text for word in ("anary", "4711", "xx"))]


def test_names_that_need_quotes_have_them(tmp_path):
    files = draft(tmp_path, 'CREATE TABLE "all people" (customer_id VARCHAR, email VARCHAR, "first_name" VARCHAR)')
    assert files["sql/customers.sql"].endswith('from "all people"\n')
    assert '  "all people": {person: customer_id}\n' in files["sql/dimensions.yaml"]


def test_names_that_sql_or_yaml_keep_for_themselves_have_quotes(tmp_path):
    tables = ("group", "NULL", "off", "order", "Yes", "on")
    own = database(
        tmp_path,
        'CREATE TABLE "user" (user_id VARCHAR, email VARCHAR)',
        *(f'CREATE TABLE "{name}" (user_id VARCHAR, n INTEGER)' for name in tables),
    )
    started = start_workspace(tmp_path / "shop", own)
    assert set(read_catalogue(started.folder / "sql").tables) == {"user", *tables}
    with duckdb.connect(str(own), read_only=True) as connection:
        drafted = connection.execute((started.folder / "sql/customers.sql").read_text("utf-8"))
        assert [column[0] for column in drafted.description] == ["customer_id", "brand", "email"]


def test_names_over_two_lines_do_not_break_out_of_a_comment(tmp_path):
    files = draft(
        tmp_path,
        'CREATE TABLE "all\npeople" (customer_id VARCHAR, email VARCHAR)',
        'CREATE TABLE stock ("a\nmount: {" INTEGER)',
    )
    assert "  stock: {}  # yours to decide: a mount: {\n" in files["sql/dimensions.yaml"]
    assert "-- Not found in all people: country," in files["sql/customers.sql"]


def test_the_settings_find_a_database_by_any_name_and_from_behind_a_link(tmp_path):
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "near").symlink_to(tmp_path / "far" / "away")
    own = database(tmp_path, PEOPLE).rename(tmp_path / 'own 🏔 "ü".duckdb')
    start_workspace(tmp_path / "near" / "shop", own)
    assert settings_of(tmp_path / "near" / "shop").database.resolve() == own


def test_the_settings_find_the_database_and_know_the_sender_once_the_comment_signs_are_gone(tmp_path, monkeypatch):
    own = database(tmp_path, PEOPLE)
    monkeypatch.chdir(tmp_path)
    start_workspace(tmp_path / "deep" / "shop", own.relative_to(tmp_path))
    settings = settings_of(tmp_path / "deep" / "shop")
    assert settings.database.resolve() == own
    assert settings.brand("shop", None).legal_name == "Acme Ltd"
    assert (settings.name, settings.targets) == ("shop", {"shop": {"email": "email_file"}})


def test_a_draft_is_due_for_a_look_in_half_a_year(tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", datetime(2026, 11, 22, 9, tzinfo=UTC).isoformat())
    product = draft(tmp_path, PEOPLE)["templates/first_help/product.yaml"]
    assert "review_by: 2027-05-23\n" in product
    assert "status: draft " in product


def test_a_folder_that_holds_something_stays_as_it_is(tmp_path):
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(UsageError) as caught:
        start_workspace(tmp_path)
    assert (caught.value.what, caught.value.hint) == ("this folder is not empty", "name a new one: justenough init DIR")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_a_database_that_is_none_leaves_nothing_behind(tmp_path):
    (tmp_path / "own.duckdb").write_text("no database", "utf-8")
    for name in ("own.duckdb", "missing.duckdb"):
        with pytest.raises(SourceError):
            start_workspace(tmp_path / "shop", tmp_path / name)
    assert not (tmp_path / "shop").exists()


def test_a_workspace_is_no_secret(tmp_path):
    start_workspace(tmp_path / "shop", database(tmp_path, PEOPLE))
    plain = tmp_path / "plain"
    plain.write_text("", "utf-8")
    assert (tmp_path / "shop/sql/customers.sql").stat().st_mode == plain.stat().st_mode
