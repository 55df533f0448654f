"""Words go to translators and come back whole: nothing they lose, invent or leave out gets into a message."""

from __future__ import annotations

import re
import shutil

import pytest
from babel.messages.pofile import read_po, write_po

from flows import cli, line
from flows.errors import TemplateError, UsageError
from flows.workspace import load_workspace
from tests.house.tree import ROOT
from tests.tiny import make


@pytest.fixture(scope="module")
def _tiny(tmp_path_factory):
    return make(tmp_path_factory.mktemp("translating") / "tiny", brands=["north"])


@pytest.fixture
def tiny(_tiny, tmp_path):
    return _tiny.copy(tmp_path / "tiny")


def catalogue(tiny, *, shout: bool = True):
    """The catalogue of `care` in French, in which every text is its source in capitals."""
    (told,) = line.export_strings(tiny.load(), ("care",), "fr", tiny.folder / "po")
    file = tiny.folder / "po/care.fr.po"
    assert told.file == str(file)
    if shout:
        change(file, lambda said: re.sub(r"(\{.*?[%}]\}|<.*?>)|([^{<]+)", lambda m: m[1] or m[2].upper(), said))
    return file


def change(file, said, *, only: str = "") -> None:
    """Change what a catalogue says of the texts that contain `only`, with babel alone."""
    with file.open("rb") as stream:
        found = read_po(stream)
    for message in found:
        if message.id and only in message.id:
            message.string = said(message.id)
    with file.open("wb") as stream:
        write_po(stream, found, width=0)


def wrong(tiny, file) -> list[tuple[str, str]]:
    found = line.import_strings(tiny.load(), file)
    assert bool(found.wrong) != bool(found.files)
    assert not found.wrong or not list(tiny.folder.glob("templates/care/*.fr.j2"))
    return [(where, what) for where, what, _ in found.wrong]


def test_what_a_translator_writes_becomes_the_words_of_that_language(tiny):
    found = line.import_strings(tiny.load(), catalogue(tiny))
    assert found.files == tuple(f"templates/care/{channel}.fr.j2" for channel in ("email", "sms", "web"))
    assert (tiny.folder / "templates/care/email.fr.j2").read_text("utf-8") == (
        "{% block subject %}LOOKING AFTER YOUR {% if item %}{{ item }}{% else %}NEW KIT{% endif %}{% endblock %}\n"
        "{% block preheader %}THREE MINUTES NOW.{% endblock %}\n"
        "{% block html %}<p>HELLO{% if first_name %} {{ first_name }}{% endif %}, DRY IT FIRST.</p>{% endblock %}\n"
        "{% block text %}HELLO{% if first_name %} {{ first_name }}{% endif %}, DRY IT FIRST.{% endblock %}\n"
    )
    assert found.label == "READ THE GUIDE"
    tiny.edit("templates/care/product.yaml", "label: Read the guide", "label: {default: Read the guide, fr: LIRE}")
    for layout in ("email", "sms"):
        shutil.copy(
            tiny.folder / f"templates/_shared/{layout}_layout.j2",
            tiny.folder / f"templates/_shared/{layout}_layout.fr.j2",
        )
    assert {key.locale for key in tiny.load().words["care"]} == {None, "fr"}
    (again,) = line.export_strings(tiny.load(), ("care",), "fr", tiny.folder / "again")
    assert (again.texts, again.translated, again.stale) == (8, 8, 0)
    assert line.import_strings(tiny.load(), tiny.folder / "again/care.fr.po").files == found.files


def test_the_sample_s_german_goes_to_a_catalogue_and_comes_back_as_it_is(tmp_path):
    for name in ("sql", "templates"):
        shutil.copytree(ROOT / name, tmp_path / "w" / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "w/pyproject.toml")
    workspace = load_workspace(tmp_path / "w")
    (told,) = line.export_strings(workspace, ("basket_answers",), "de", tmp_path / "po")
    assert (told.translated, told.stale) == (told.texts, 0)
    files = {file.name: file.read_bytes() for file in (tmp_path / "w/templates/basket_answers").glob("*.de.j2")}
    for name in files:
        (tmp_path / "w/templates/basket_answers" / name).write_text("gone", "utf-8")
    done = line.import_strings(workspace, tmp_path / "po/basket_answers.de.po")
    assert (len(done.files), done.label, done.wrong) == (5, None, ())
    assert {file.name: file.read_bytes() for file in (tmp_path / "w/templates/basket_answers").glob("*.de.j2")} == files


@pytest.mark.parametrize(
    ("only", "said", "told"),
    [
        (
            "Looking",
            "Tout pour {{ item }}",
            "the translation lacks {% else %}, and lacks {% endif %}, and lacks {% if item %}",
        ),
        ("Three", "Bonjour {{ first_name }}", "the translation has {{ first_name }} more"),
        ("<p>", "Bonjour{% if first_name %} {{ first_name }}{% endif %}.", "the translation lacks </p>, and lacks <p>"),
        ("Three", "", "this text is not translated"),
        ("Three", "Trois\nminutes", "this text goes over more than one line, and its source does not"),
    ],
)
def test_what_a_translator_loses_invents_or_leaves_out_is_told_with_its_line_and_nothing_is_written(
    tiny, only, said, told
):
    file = catalogue(tiny)
    change(file, lambda _: said, only=only)
    found = wrong(tiny, file)
    assert {what for _, what in found} == {told}
    for where, _ in found:
        name, _, number = where.partition(":")
        assert name == "care.fr.po"
        assert only in "".join(file.read_text("utf-8").splitlines()[int(number) - 1 :][:2])


def test_a_text_that_has_changed_since_is_stale_until_somebody_has_looked_at_it(tiny):
    file = catalogue(tiny)
    tiny.edit("templates/care/email.j2", "Three minutes now.", "Four minutes now.")
    ((where, what),) = wrong(tiny, file)
    assert where == "templates/care/email.j2:2"
    assert what == "these words are not in the catalogue: they have changed since, or are new"
    (told,) = line.export_strings(tiny.load(), ("care",), "fr", file.parent)
    assert (told.texts, told.translated, told.stale) == (8, 7, 1)
    ((where, what),) = wrong(tiny, file)
    assert what == "the source of this text has changed since (fuzzy)"
    assert "Three minutes now." in file.read_text("utf-8")  # what it was translated from
    text = file.read_text("utf-8")
    file.write_text(text.replace("#, fuzzy\n", "").replace("THREE MINUTES", "QUATRE MINUTES"), "utf-8")
    assert wrong(tiny, file) == []
    assert "QUATRE MINUTES" in (tiny.folder / "templates/care/email.fr.j2").read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'msgid "a"\nmsgstr "b"\n\nDear all,\n', "care.fr.po:4"),
        ('msgid "a"\nmsgstr "é"\n'.encode("latin-1"), "care.fr.po"),
    ],
    ids=["no catalogue", "another encoding"],
)
def test_what_is_no_catalogue_is_refused_with_its_place(tiny, content, where):
    file = catalogue(tiny)
    file.write_bytes(content)
    with pytest.raises(TemplateError) as refused:
        line.import_strings(tiny.load(), file)
    assert refused.value.where.startswith(where)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("cart.fr.po", "the file's name begins with no product's"),
        ("care.french.po", "'french' is no language"),
        ("care.en.po", "'en' is what the words are in already"),
        ("care.de.po", "this file cannot be read"),
    ],
)
def test_a_file_of_another_name_is_refused_with_the_next_step(tiny, name, what):
    with pytest.raises(UsageError) as refused:
        line.import_strings(tiny.load(), catalogue(tiny).with_name(name))
    assert refused.value.what == what


def test_the_command_answers_one_where_a_translation_is_wrong(tiny, capsys):
    here = ["--workspace", str(tiny.folder)]
    assert cli.main(["strings", "export", "care", "--locale", "fr", "--to", str(tiny.folder / "po"), *here]) == 0
    assert "care.fr.po: 8 texts, 0 of them translated." in capsys.readouterr().out.replace("\n", "")
    assert cli.main(["strings", "import", str(tiny.folder / "po/care.fr.po"), *here]) == 1
    said = capsys.readouterr().out
    assert "this text is not translated" in said
    assert "Nothing was written." in said
