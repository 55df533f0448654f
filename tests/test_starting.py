"""A new workspace: the sample's copy runs, and a draft says what names tell and leaves open what they do not."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pytest

from flows.catalogue import read_catalogue
from flows.errors import SourceError, UsageError
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
    """The settings of a draft in production, once somebody has filled in who speaks, and the comment signs before it are gone."""
    file = workspace / "pyproject.toml"
    text = file.read_text("utf-8").replace('environment = "rehearsal"', "")
    head, sign, sender = text.partition("[tool.justenough.targets]\n")
    sender, line, rehearsal = sender.partition("# The rehearsal:")
    filled = sender.replace("# ", "").replace("…", "acme.example.com").replace("[tool.justenough.brands]\n", "", 1)
    file.write_text(head + sign + filled + line + rehearsal, "utf-8")
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
        '  last_order: {my: my last order, columns: ["orders.*"], known: observed}',
        '  name: {my: my name, columns: ["people.first_name"], known: declared}',
    ]
    assert files["sql/customers.sql"].splitlines()[1:] == [
        "-- Guessed: people.Household_ID is the people's key by its name, e-mail addresses, first names; review.",
        "-- Not found in people: country, time_zone, phone, push_token. Add what you have.",
        "select",
        "    Household_ID as customer_id,",
        "    'shop' as brand,",
        "    language as locale,",
        "    email_address as email",
        "from people",
    ]
    assert files["sql/consent.sql"].splitlines()[4:] == [
        "    concat_ws(' ', user_id, case when state = 'yes' then 'email' else '*' end, topic, happened_at) as event_id,",
        "    user_id as customer_id,",
        "    'shop' as brand,",
        "    case when state = 'yes' then 'email' else '*' end as channel,",
        "    topic,",
        "    state,",
        "    happened_at",
        "from said",
    ]
    assert files["sql/suppressions.sql"].splitlines()[1:] == [
        "select",
        "    channel,",
        "    address,",
        "    '*' as brand",
        "from bounces",
    ]


def test_what_is_not_understood_is_left_out_and_said(tmp_path):
    own = database(tmp_path, PEOPLE, 'CREATE TABLE "order lines" (line_no INTEGER, amount DOUBLE)')
    started = start_workspace(tmp_path / "shop", own)
    assert started.unclear == ("order lines: nobody can tell whose its rows are, so no query can read it",)
    assert set(read_catalogue(started.folder / "sql").tables) == {"people"}
    text = (tmp_path / "shop/sql/dimensions.yaml").read_text()
    assert "  # order lines is left out: nobody can tell whose its rows are" in text
    assert not {"sql/consent.sql", "sql/suppressions.sql"} & set(started.files)


def test_a_database_without_anybody_in_it_leaves_nothing_behind(tmp_path):
    own = database(tmp_path, "CREATE TABLE stock AS SELECT n AS amount, 'shelf ' || n AS place FROM range(9) t (n)")
    with pytest.raises(SourceError, match="no table here is about people") as caught:
        start_workspace(tmp_path / "shop", own)
    assert "--person TABLE.COLUMN" in caught.value.hint
    assert not (tmp_path / "shop").exists()


def test_between_two_tables_of_people_a_person_chooses_and_without_one_the_choice_is_said(tmp_path):
    tables = [
        f"CREATE TABLE {name} AS SELECT n AS id, n || '@example.com' AS email FROM range(9) t (n)"
        for name in ("members", "users")
    ]
    own, asked = database(tmp_path, *tables), []
    started = start_workspace(tmp_path / "chosen", own, choose=lambda columns: asked.append(columns) or columns[1])
    assert asked == [["members.id", "users.id"]]
    assert started.guessed[0] == "the people's key is users.id: as it was named"
    assert any(line.startswith("members:") for line in started.unclear)
    assert start_workspace(tmp_path / "alone", own).guessed[0].startswith("the people's key is members.id: ")
    assert (
        start_workspace(tmp_path / "told", own, person="users.id").guessed[0].startswith("the people's key is users.id")
    )
    with pytest.raises(UsageError, match="'users' has no column 'ids'"):
        start_workspace(tmp_path / "wrong", own, person="users.ids")


def test_a_yes_or_no_without_a_name_or_a_channel_is_nobodys_consent(tmp_path):
    people = "CREATE TABLE people AS SELECT n AS user_id, n || '@example.com' AS email, {} FROM range(9) t (n)"
    files = draft(tmp_path, people.format("n % 2 = 0 AS is_active, 'yes' AS has_car"))
    assert "sql/consent.sql" not in files
    assert (
        "# Nobody knows anything of consent yet, so that it is taken for granted here:\nrehearse = true\n"
        in files["pyproject.toml"]
    )


def test_who_has_refused_is_excluded_and_who_has_not_has_agreed_to_nothing(tmp_path):
    marked = "n AS user_id, n || '@example.com' AS email, n < 4 AS email_opt_out"
    started = start_workspace(
        tmp_path / "shop", database(tmp_path, f"CREATE TABLE people AS SELECT {marked} FROM range(9) t (n)")
    )
    with duckdb.connect(str(tmp_path / "own.duckdb"), read_only=True) as connection:
        rows = connection.execute((started.folder / "sql/exclusions/refused.sql").read_text("utf-8")).fetchall()
    assert sorted(rows) == [(0,), (1,), (2,), (3,)]
    assert "sql/consent.sql" not in started.files
    assert [line.partition(":")[0] for line in started.missing] == ["who speaks", "consent"]


def test_days_of_birth_are_closed_however_few_they_are(tmp_path):
    files = draft(tmp_path, "CREATE TABLE people (customer_id VARCHAR, email VARCHAR, born DATE)")
    assert (
        '  age: {my: my age, columns: ["people.born"], known: declared, sensitive: true' in files["sql/dimensions.yaml"]
    )


def test_a_draft_has_nobodys_values(tmp_path):
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
    assert "so no query can read it; review: a mount: {\n" in files["sql/dimensions.yaml"]
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
    assert settings.brand("shop", None).legal_name == "acme.example.com"
    assert (settings.name, settings.targets) == ("shop", {"shop": {"email": "email_file"}})


def test_a_draft_is_due_for_a_look_in_half_a_year(tmp_path, monkeypatch):
    monkeypatch.setenv("JUSTENOUGH_NOW", datetime(2026, 11, 22, 9, tzinfo=UTC).isoformat())
    product = draft(tmp_path, PEOPLE)["templates/first_help/product.yaml"]
    assert "review_by: 2027-05-23\n" in product
    assert "status: live " in product


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
