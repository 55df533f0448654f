"""The words of products for translators, as gettext catalogues, and back: a language is written whole, or not at all."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from babel.core import UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.pofile import PoFileError, read_po, write_po

from flows.channels import CHANNELS
from flows.clock import present
from flows.durable import plain_size
from flows.errors import OutboxError, TemplateError, UsageError, nearest
from flows.locales import LOCALE
from flows.wording import WordsKey
from flows.words import is_spoken, read_words
from flows.words.strings import Text, differences, put, shared_macros, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from babel.messages.catalog import Message

    from flows.product import Product
    from flows.workspace import Workspace

_OF_PYTHON = {"python-format", "python-brace-format"}
"""What babel takes a sentence with a % or braces for."""

_KEEP = "keep what stands in {{ }}, {% %} and < > as it is, anywhere in the text"
LABEL = "product.yaml label"
"""The context of what a product's button says."""


@dataclass(frozen=True)
class Exported:
    """A catalogue that was written: how many texts it has, how many of them are translated, and of which the source changed."""

    file: str
    texts: int
    translated: int
    stale: int


@dataclass(frozen=True)
class Imported:
    """What became of a catalogue.

    Attributes:
        files: what was written; nothing where anything is wrong.
        label: what the button says; to be put into product.yaml by hand, None where it is there.
        wrong: each mistake: where it is, what, and the next step.
    """

    product: str
    locale: str
    files: tuple[str, ...]
    label: str | None
    wrong: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class _Source:
    """The words of a product in the default language, text by text, and what a translation may name in their stead.

    Attributes:
        product: whose they are.
        files: each file -> its text.
        macros: those of `_shared/` -> their file.
        renamed: fields -> those that hold the same in the other language.
    """

    product: Product
    files: Mapping[WordsKey, str]
    macros: Mapping[str, str]
    renamed: Mapping[str, str]

    def texts(self) -> list[tuple[WordsKey, Text]]:
        """Every text with the file that it is of."""
        return [(key, text) for key, source in self.files.items() for text in texts(source)]


def export_strings(workspace: Workspace, products: tuple[str, ...], locale: str, folder: Path) -> tuple[Exported, ...]:
    """Write the words of products for translators: `<product>.<locale>.po`, a text of a part each.

    A catalogue that is there already keeps what it says; where the source has changed since, the text is marked as fuzzy. Else
    what the product says in the language by now is put in, as far as it has the same texts.

    Raises:
        UsageError: the workspace has no such product, or `locale` is no language to translate into.
        TemplateError: a catalogue that is there cannot be read.
        OutboxError: the folder cannot be written to.
    """
    _check_locale(workspace, locale)
    for name in products:
        if name not in workspace.products:
            raise UsageError(name, "there is no product of this name", nearest(name, workspace.products))
    done = []
    for name in products or tuple(workspace.products):
        source, file = _source(workspace, name, locale), folder / f"{name}.{locale}.po"
        catalogue = _catalogue(source, locale, {} if file.exists() else _said(workspace, source, locale))
        if file.exists():
            catalogue = _updated(_read(file), catalogue)
        _write(file, catalogue)
        told = [message for message in catalogue if message.id]
        stale = sum(message.fuzzy for message in told)
        done.append(Exported(str(file), len(told), sum(bool(m.string) for m in told) - stale, stale))
    return tuple(done)


def import_strings(workspace: Workspace, file: Path) -> Imported:
    """Write a product's words in the language of a catalogue, `<channel>.<locale>.j2`, if nothing is wrong with it.

    Raises:
        UsageError: the file's name is not that of a product and a language.
        TemplateError: it cannot be read, or what it says is not as a template should be.
        OutboxError: the words cannot be written.
    """
    name, _, locale = file.name.removesuffix(".po").partition(".")
    if name not in workspace.products:
        what, hint = "the file's name begins with no product's", "name it <product>.<locale>.po"
        raise UsageError(file.name, what, f"{nearest(name, workspace.products)}; {hint}")
    _check_locale(workspace, locale)
    source, catalogue = _source(workspace, name, locale), _read(file)
    wrong, said = [], dict[tuple[WordsKey, str, str], str]()
    for key, text in source.texts():
        message = catalogue.get(text.said, context=_context(key, text))
        where = f"templates/{name}/{key.file}:{text.line}" if message is None else f"{file.name}:{message.lineno}"
        problem = _problem(message, locale, source.macros)
        if problem is not None:
            wrong.append((where, *problem))
        elif message is not None:
            said[key, text.part, text.said] = str(message.string)
    wrong = list(dict.fromkeys(wrong))
    files = {} if wrong else _files(workspace, source, locale, said)
    for written, whole in files.items():
        _save(workspace.settings.workspace / written, whole)
    labels = source.product.help.action.labels
    message = catalogue.get(labels["default"], context=LABEL)
    label = str(message.string) if message is not None and locale not in labels else ""
    return Imported(name, locale, tuple(files), label or None, tuple(wrong))


def _problem(message: Message | None, locale: str, macros: Mapping[str, str]) -> tuple[str, str] | None:
    """What is wrong with a translation, and the next step."""
    if message is None:
        what = "these words are not in the catalogue: they have changed since, or are new"
        return what, "export once more over the catalogue, and translate what is fuzzy or empty"
    if message.fuzzy:
        return "the source of this text has changed since (fuzzy)", "look at it, mend it, and take the mark away"
    if not message.string:
        return "this text is not translated", "translate it; a language is written whole, or not at all"
    said = str(message.string)
    if "\n" in said:
        return "this text goes over more than one line, and its source does not", "write it on one"
    wrong = differences(str(message.id), said, locale.partition("-")[0], macros)
    if wrong:
        return f"the translation {', and '.join(wrong)}", _KEEP
    return None


def _files(
    workspace: Workspace, source: _Source, locale: str, said: Mapping[tuple[WordsKey, str, str], str]
) -> dict[str, str]:
    """The words in the other language, by their files' names in the workspace. Raises TemplateError where one is refused."""
    done = {}
    for key, text in source.files.items():
        mine = {(part, words): theirs for (of, part, words), theirs in said.items() if of == key}
        name = f"templates/{source.product.name}/{WordsKey(key.channel, key.variant, locale).file}"
        done[name] = put(text, mine, source.macros, source.renamed)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "words.j2"
            file.write_text(done[name], "utf-8")
            shared = workspace.settings.workspace / "templates/_shared"
            read_words(file, CHANNELS[key.channel].parts, shared, name=name, locale=locale)
    return done


def _source(workspace: Workspace, name: str, locale: str) -> _Source:
    product, known = workspace.products[name], workspace.words[name]
    files = {key: words.source.text for key, words in known.items() if key.locale is None}
    if not files:
        raise UsageError(name, "this product has no words in the default language", "write them first")
    shared = workspace.settings.workspace / "templates/_shared"
    macros = shared_macros({f"_shared/{file.name}": file.read_text("utf-8") for file in shared.glob("*.j2")})
    fields = workspace.segments[product.segment].fields
    language = locale.partition("-")[0]
    renamed = {field: f"{field}_{language}" for field in fields if f"{field}_{language}" in fields}
    return _Source(product, files, macros, renamed)


def _said(workspace: Workspace, source: _Source, locale: str) -> dict[tuple[WordsKey, str, str], str]:
    """What the product says in a language by now, text by text, where a file has the same ones as its source."""
    found: dict[tuple[WordsKey, str, str], str] = {}
    for key, text in source.files.items():
        words = workspace.words[source.product.name].get(WordsKey(key.channel, key.variant, locale))
        ours, theirs = texts(text), texts(words.source.text) if words else []
        if [each.part for each in ours] == [each.part for each in theirs]:
            for one, other in zip(ours, theirs, strict=True):
                if not differences(one.said, other.said, locale.partition("-")[0], source.macros):
                    found[key, one.part, one.said] = other.said
    return found


def _catalogue(source: _Source, locale: str, said: Mapping[tuple[WordsKey, str, str], str]) -> Catalog:
    name, labels = source.product.name, source.product.help.action.labels
    catalogue = Catalog(locale.replace("-", "_"), project=name, version=str(present().date()), fuzzy=False)
    catalogue.creation_date = catalogue.revision_date = present()
    catalogue.header_comment = f"# {name} in {locale}. {_KEEP}."
    for key, text in source.texts():
        string, place = said.get((key, text.part, text.said), ""), (f"templates/{name}/{key.file}", text.line)
        message = catalogue.add(text.said, string, [place], context=_context(key, text))
        message.flags -= _OF_PYTHON
    line = source.product.at("help", "action", "label").rpartition(":")[2]
    place = (f"templates/{name}/product.yaml", int(line) if line.isdigit() else 1)
    catalogue.add(labels["default"], labels.get(locale, ""), [place], context=LABEL)
    return catalogue


def _updated(old: Catalog, new: Catalog) -> Catalog:
    """What a catalogue says, for the texts of a new one: those that are only alike are fuzzy."""
    old.update(new)
    old.creation_date = old.revision_date = new.creation_date
    for message in old:
        message.flags -= _OF_PYTHON
    return old


def _context(key: WordsKey, text: Text) -> str:
    return f"{key.file} {text.part}"


def _check_locale(workspace: Workspace, locale: str) -> None:
    if not LOCALE.fullmatch(locale) or not is_spoken(locale):
        raise UsageError("--locale", f"'{locale}' is no language", "write it as in de, de-AT or pt-BR")
    if locale == workspace.settings.locale:
        raise UsageError("--locale", f"'{locale}' is what the words are in already", "name another language")


def _read(file: Path) -> Catalog:
    """A catalogue. Raises TemplateError where it is none."""
    hint = "save it as a gettext catalogue (.po) in UTF-8"
    try:
        plain_size(file)
        data = file.read_bytes()
        data.decode("utf-8")
        return read_po(io.BytesIO(data), abort_invalid=True)
    except OSError:
        raise UsageError(file, "this file cannot be read", "name a file that is there") from None
    except PoFileError as problem:
        raise TemplateError(f"{file.name}:{problem.lineno + 1}", "this is no catalogue from here on", hint) from None
    except (ValueError, LookupError, UnknownLocaleError):
        raise TemplateError(file.name, "this is no catalogue in UTF-8", hint) from None


def _write(file: Path, catalogue: Catalog) -> None:
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=0, include_previous=True)
    _save(file, buffer.getvalue().decode("utf-8"))


def _save(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except OSError as error:
        what = f"this file cannot be written ({error.strerror})"
        raise OutboxError(file, what, "free some space, or mend the rights") from None
