from __future__ import annotations

import re

import polars as pl
import pytest

from flows.channels import CHANNELS
from flows.sms_length import BASIC, EXTENSION
from flows.words import compose, fill
from tests.templates.found import File, Page, files, paragraphs, products, visible

ALLOWED_TAGS = {"h1", "p", "ul", "ol", "li", "strong", "em", "a", "br"}
LONGEST = {
    ("email", "subject"): 60,  # what a telephone's list of messages shows, and a little
    ("email", "preheader"): 90,
    ("push", "title"): 50,
    ("push", "body"): 150,
    ("web", "headline"): 65,
    ("web", "body"): 250,
    ("ads", "headline"): 30,  # Google Ads, responsive ads
    ("ads", "description"): 90,
}
BROKEN = {
    "a value that is none": re.compile(r"\b(?:None|nan|Undefined|True|False)\b|\{\{|\}\}|object at 0x"),
    "two spaces": re.compile(r"[ \t\u00a0]{2}"),
    "a space before a stop": re.compile(r"\s[,.;:!?)]"),
    "two stops in a row": re.compile(r"[,.;:?!]\s*[,.;:!]"),
    "an empty pair": re.compile(r"\(\s*\)|„\s*“|“\s*”"),
    "a space after a bracket": re.compile(r"\(\s"),
    "a space at an end": re.compile(r"^\s|\s$"),
    "a stop at the start": re.compile(r"^[,.;:?!)]"),
}
ENGLISH = {
    "the",
    "and",
    "your",
    "you",
    "with",
    "from",
    "is",
    "are",
    "of",
    "what",
    "for",
    "we",
    "how",
    "until",
    "it",
    "to",
}
GERMAN = {
    "und",
    "der",
    "das",
    "dein",
    "deine",
    "du",
    "für",
    "mit",
    "ist",
    "nicht",
    "wir",
    "uns",
    "auf",
    "bei",
    "ein",
    "zurück",
}
PUSHING = re.compile(
    r"hurry up|last chance|only today|do not miss|don.t miss|\d+ ?%|discount|beeil|nur heute|letzte chance|verpass|rabatt|!",
    re.I,
)
WATCHING = re.compile(
    r"we (?:saw|noticed|have seen|know)|you (?:viewed|looked at|visited|browsed)|wir haben (?:gesehen|bemerkt)|"
    r"uns ist aufgefallen|du hast dir .{0,40}angesehen|angeschaut",
    re.I,
)
SOLD_OUT = re.compile(r"sold out|there is more|there will be more|ausverkauft|Nachschub", re.I)
NUMBERED = re.compile(
    r"\{\{ (?:small_letters\()?(?:other_)?item\)? \}\}\s+(?:is|are|was|were|has|have|does|do|needs?|comes?|lasts?)\b"
)
GENDERED = re.compile(
    r"\b(?:der|die|das|den|dem|des|eine?[mnrs]?|keine?[mnrs]?|deine?[mnrs]?|unsere?[mnrs]?|neue[mnrs]?)\s+"
    r"\{\{ (?:small_letters\()?(?:other_)?item_de\b",
    re.I,
)

each_file = pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
each_email = pytest.mark.parametrize(
    "file", [file for file in files() if file.channel == "email"], ids=lambda file: file.name
)


def of(channel: str, locale: str = ""):
    chosen = [file for file in files() if channel in ("", file.channel) and locale in ("", file.locale or "en")]
    return pytest.mark.parametrize("file", chosen, ids=lambda file: file.name)


@each_file
def test_whatever_is_known_nothing_comes_out_broken(file: File):
    for situation, parts in file.said:
        for part, text in parts.items():
            for block in visible(file, part, text):
                assert block, f"{part}, {situation}: an empty block"
                for what, pattern in BROKEN.items():
                    assert not pattern.search(block), f"{part}, {situation}: {what} in {block!r}"


@each_file
def test_sentences_are_whole(file: File):
    """Paragraphs end in a stop, and what follows a stop starts as a sentence does."""
    titles = {"h1", *CHANNELS[file.channel].one_line}
    for situation in file.situations("plain"):
        for part, text in file.says(situation.values).items():
            blocks = Page(text).blocks if part == "html" else [(part, block) for block in paragraphs(text)]
            for kind, block in blocks:
                assert re.search(r"[.?:,]$", block) or kind in titles, f"{part}, {situation}: {block!r} has no end"
                small = re.search(r"[.?]\s+[a-zäöü]", block)
                assert not small, f"{part}, {situation}: {block!r} goes on small after a stop"
                if not (file.locale or "").startswith("de"):
                    assert not block[0].islower(), f"{part}, {situation}: {block!r} starts small"


@pytest.mark.parametrize("file", [file for file in files() if file.words.fields], ids=lambda file: file.name)
def test_composed_by_column_the_words_are_those_of_each_message_alone(file: File):
    situations = [situation for situation, _ in file.said]
    composed = compose(
        file.words, pl.DataFrame([situation.values for situation in situations], infer_schema_length=None)
    )
    for part in file.words.parts:
        assert fill(composed, part.name).to_list() == [parts[part.name] for _, parts in file.said]
    flags = [name for name in file.words.fields if isinstance(file.examples(name)[0], bool)]
    most = 2 ** len([*file.dimensions, *flags, "a name of no item"])
    assert len(composed.creatives) <= most, "few renders: a creative per set of facts and booleans"


@each_file
def test_titles_stand_on_one_line(file: File):
    for situation, parts in file.said:
        for part in CHANNELS[file.channel].one_line:
            assert "\n" not in parts[part], f"{part}, {situation}"


@each_file
def test_a_fact_that_is_used_makes_a_difference(file: File):
    said = {
        (situation.facts, tuple(value for value in situation.values.values() if isinstance(value, bool))): parts
        for situation, parts in file.said
        if situation.mood == "plain"
    }
    for dimension in file.dimensions:
        for (facts, flags), parts in said.items():
            if dimension in facts:
                fewer = tuple(fact for fact in facts if fact != dimension)
                others = [other for (known, _), other in said.items() if known == fewer]
                assert parts not in others, f"{dimension} is used, and {facts} {flags} reads as {fewer}"


@each_file
def test_each_boolean_makes_a_difference(file: File):
    for flag in (name for name in file.words.fields if isinstance(file.examples(name)[0], bool)):
        said = [(s, file.says({**s.values, flag: False}), parts) for s, parts in file.said if s.values[flag]]
        assert any(without != with_it for _, without, with_it in said), f"{flag} is read and changes nothing"


@pytest.mark.parametrize(
    "file", [file for file in files() if "is_in_stock" in file.words.fields], ids=lambda file: file.name
)
def test_only_what_is_known_to_be_out_of_stock_is_called_sold_out(file: File):
    """A boolean that is not among the facts is false, too."""
    for situation, parts in file.said:
        is_out = situation.values["is_in_stock"] is False
        told = {part for part, text in parts.items() if SOLD_OUT.search(text)}
        assert told == (set(parts) - {"preheader"} if is_out else set()), f"{situation}"


@each_file
def test_parts_keep_their_lengths(file: File):
    for situation, parts in file.said:
        for part, text in parts.items():
            longest = LONGEST.get((file.channel, part), 5_000)
            assert len(text) <= longest, f"{part}, {situation}: {len(text)} characters, at most {longest}: {text}"


@each_file
def test_a_file_is_in_its_language(file: File):
    words = set(re.findall(r"[^\W\d_]+", file.literal.lower()))
    foreign = ENGLISH if file.locale else GERMAN
    assert not words & foreign, f"{sorted(words & foreign)}"
    assert file.locale or not re.search(r"[äöüß„]", file.literal), "a letter of German"


@each_file
def test_nobody_is_pushed_or_told_that_they_are_watched(file: File):
    assert not PUSHING.search(file.literal), PUSHING.search(file.literal)
    assert not WATCHING.search(file.literal), WATCHING.search(file.literal)


@of("", "en")
def test_english_words_fit_one_item_and_a_pair_of_boots(file: File):
    found = NUMBERED.search(re.sub(r"\{%.*?%\}", " ", file.source))
    assert not found, f"{found[0]!r} tells one from many"


@of("", "de")
def test_german_words_fit_every_gender_and_say_du(file: File):
    found = GENDERED.search(re.sub(r"\{%.*?%\}", " ", file.source))
    assert not found, f"{found[0]!r} needs the gender of the item"
    assert not re.search(r"\b(?:Sie|Ihnen|Ihre?[mnrs]?)\b", file.literal)


@each_email
def test_html_is_well_formed_and_plain(file: File):
    for situation, parts in file.said:
        page = Page(parts["html"])
        assert page.wrong == [], f"{situation}"
        assert set(page.tags) <= ALLOWED_TAGS, f"{situation}"
        assert [page.tags[0], page.tags.count("h1")] == ["h1", 1], f"{situation}: one heading, and first"


@each_email
def test_html_and_text_say_the_same(file: File):
    for situation, parts in file.said:
        html = [block for kind, block in Page(parts["html"]).blocks if kind != "h1"]
        assert paragraphs(parts["text"]) == html, f"{situation}"
        assert parts["html"].count("<ol>") == bool(re.search(r"^1\. ", parts["text"], re.M)), f"{situation}"


@each_email
def test_html_and_text_greet_by_name_where_it_is_known(file: File):
    for situation, parts in file.said:
        name = situation.values.get("first_name")
        hello = "Hallo" if file.locale else "Hello"
        wanted = f"{hello} {name}," if name else f"{hello},"
        greetings = [paragraphs(parts["text"])[0], Page(parts["html"]).blocks[1][1]]
        assert greetings == [wanted, wanted], f"{situation}"


@each_email
def test_the_preheader_adds_to_the_subject(file: File):
    for situation, parts in file.said:
        assert parts["preheader"] not in (parts["subject"], ""), f"{situation}"
        assert len(parts["preheader"]) >= 25, f"{situation}: {parts['preheader']!r} leaves the preview to the footer"


@of("sms")
def test_text_messages_are_written_in_the_small_alphabet(file: File):
    assert set(file.literal) <= set(BASIC + EXTENSION), sorted(set(file.literal) - set(BASIC + EXTENSION))


@of("ads")
def test_ads_know_nothing(file: File):
    assert file.words.fields == ()


@pytest.mark.parametrize("product", products())
def test_every_language_has_the_same_channels_and_uses_the_same_dimensions(product: str):
    mine = [file for file in files() if file.product == product]
    used = {
        locale: {file.channel: file.dimensions for file in mine if file.locale == locale}
        for locale in {file.locale for file in mine}
    }
    channels = {*mine[0].settings["channels"]["first_of"], *mine[0].settings["channels"]["also"]}
    assert {locale: set(words) for locale, words in used.items()} == {None: channels, "de": channels}
    assert used["de"] == used[None]


@pytest.mark.parametrize("product", products())
def test_a_product_opens_with_the_need_and_ends_with_the_data(product: str):
    settings = next(file.settings for file in files() if file.product == product)
    assert (next(iter(settings)), next(iter(settings["help"]))) == ("help", "need")
    assert list(settings)[-1] == "dimensions"
    assert set(settings["because"]) <= set(settings["dimensions"])
    assert settings["help"]["action"]["label"].keys() == {"default", "de"}
