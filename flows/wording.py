"""The words of a product: which file speaks to whom, by channel, variant and locale; nobody is spoken to in two languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from flows.channels import CHANNELS, RESERVED_SLOTS
from flows.errors import ProductError, TemplateError, nearest
from flows.locales import LOCALE, chain, in_use
from flows.words import Layout, Words, is_spoken, read_layout, read_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from flows.channels import Channel
    from flows.product import Product


@dataclass(frozen=True)
class WordsKey:
    """Which words a template file holds: those of a channel, for a variant or all, in a locale or the default one."""

    channel: str
    variant: str | None
    locale: str | None

    @property
    def file(self) -> str:
        """The name of the file."""
        return ".".join(filter(None, (self.channel, self.variant, self.locale, "j2")))


LayoutKey = tuple[str, str | None]
"""A channel, and a locale or the default one."""


def fitting(files: Collection[WordsKey], channel: str, variant: str | None, locale: str | None) -> WordsKey | None:
    """Which words speak to a person's locale: `de-AT`, else `de`, else the default ones; None if there are none.

    A variant that has files of its own in the channel uses only those.
    """
    own = variant if any(key.channel == channel and key.variant == variant for key in files) else None
    return next((key for step in chain(locale) if (key := WordsKey(channel, own, step)) in files), None)


def speaks(
    product: Product,
    files: Collection[WordsKey],
    locale: str | None,
    default_locale: str,
    as_of: date,
    silent: Collection[str] = (),
) -> bool:
    """Whether a product speaks to people of a locale on a day: in every channel, and in words that are live, and not `silent`.

    Where `locales` names the languages, the default words are for those of their language alone.
    """
    for channel, variant in {(key.channel, key.variant) for key in files}:
        words = fitting(files, channel, variant, locale)
        if words is None:
            return False
        language = words.locale or default_locale
        is_theirs = not product.locales or _language(locale or default_locale) == _language(language)
        if not (is_theirs and product.is_spoken(language, as_of)) or language in silent:
            return False
    return True


def placed(rows: pl.DataFrame, files: Mapping[WordsKey, Words]) -> tuple[list[WordsKey], pl.Series]:
    """The words that speak in some deliveries of a product, and for each delivery its place among them.

    Args:
        rows: with `channel`, `variant` and `locale`.
        files: the product's words.

    Returns:
        The words; and `words`, null where there are none for the person's language.
    """
    kinds = rows.select("channel", "variant", "locale").unique().sort("channel", "variant", "locale")
    keys = [fitting(files, *kind) for kind in kinds.iter_rows()]
    known = list(dict.fromkeys(key for key in keys if key is not None))
    places = pl.Series("words", [known.index(key) if key else None for key in keys], dtype=pl.UInt32)
    joined = rows.select(kinds.columns).join(
        kinds.with_columns(places), on=kinds.columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return known, joined["words"]


def read_product_words(product: Product, templates: Path, default_locale: str) -> dict[WordsKey, Words]:
    """Read all template files of a product.

    Args:
        product: names channels, variants and the action.
        templates: the workspace's folder of that name.
        default_locale: the language of files without a locale in their name.

    Raises:
        TemplateError: a file is not as it should be, is about no channel, variant or locale of the product, or is missing
            beside the others.
        ProductError: the action has no label in a language of the words.
    """
    files: dict[WordsKey, Words] = {}
    for file in sorted((templates / product.name).glob("*.j2")):
        name = f"templates/{product.name}/{file.name}"
        key = _key(product, file.name.removesuffix(".j2").split("."), name)
        parts, locale = CHANNELS[key.channel].parts, key.locale or default_locale
        files[key] = read_words(file, parts, templates / "_shared", name=name, locale=locale)
    _check_channels(product, files)
    _check_variants(product, files)
    _check_live(product, files, default_locale)
    listed = listed_words(product, files, default_locale)
    _check_locales(product, listed)
    _check_labels(product, {key.locale for key in listed})
    return files


def listed_words(product: Product, files: Mapping[WordsKey, Words], default_locale: str) -> dict[WordsKey, Words]:
    """The words in languages that a product speaks one day; the others may be there in part, as translations under way."""
    return {
        key: words
        for key, words in files.items()
        if not product.locales or (key.locale or default_locale) in product.locales
    }


def read_layouts(channels: Iterable[str], templates: Path, default_locale: str) -> dict[LayoutKey, Layout]:
    """Read what wraps the words of some channels in the brand's identity, in each language that it is there in.

    Raises:
        TemplateError: a default layout is missing, or a layout is not as it should be, or lacks a block.
    """
    found: dict[LayoutKey, Layout] = {}
    shared = templates / "_shared"
    for channel in sorted(channels):
        default = CHANNELS[channel].layout
        if default is None:
            continue
        stem = default.removesuffix(".j2")
        others = [file.name for file in sorted(shared.glob(f"{stem}.*.j2"))]
        for name in (default, *others):
            where = f"templates/_shared/{name}"
            locale = name.removeprefix(f"{stem}.").removesuffix(".j2") if name != default else None
            if locale is not None:
                _check_locale(locale, where)
            found[channel, locale] = read_layout(
                shared / name,
                CHANNELS[channel].parts,
                shared,
                name=where,
                locale=locale or default_locale,
                slots=RESERVED_SLOTS,
            )
            _check_wraps(found[channel, locale], CHANNELS[channel])
    return found


def _check_wraps(layout: Layout, channel: Channel) -> None:
    """Refuse a layout that lets words leave without a sender and a way out, or those without the words."""
    for part in (part.name for part in channel.parts if not part.is_one_line):
        if part not in layout.blocks:
            hint = f"add {{% block {part} %}}…{{{{ content }}}}…{{% endblock %}}"
            raise TemplateError(layout.name, f"the block '{part}' is missing", hint)
        if not layout.holds_words(part):
            what = f"the block '{part}' does not print the words that it wraps"
            raise TemplateError(layout.name, what, "write {{ content }} where they belong")


def check_layouts(words: Iterable[tuple[WordsKey, Words]], layouts: Mapping[LayoutKey, Layout]) -> None:
    """Refuse words in one language that would stand in a layout of another one.

    Raises:
        TemplateError: naming the layout that is missing.
    """
    for key, held in words:
        if CHANNELS[key.channel].layout is None:
            continue
        layout = layout_of(layouts, key)
        assert layout is not None  # noqa: S101 - the default one was read
        language, its_language = (locale.partition("-")[0] for locale in (held.locale, layout.locale))
        if language != its_language:
            stem = str(CHANNELS[key.channel].layout).removesuffix(".j2")
            what = f"this file is missing, and {held.name} speaks {language}"
            hint = f"write it beside {stem}.j2, or take those words out"
            raise TemplateError(f"templates/_shared/{stem}.{language}.j2", what, hint)


def layout_of(layouts: Mapping[LayoutKey, Layout], key: WordsKey) -> Layout | None:
    """What wraps some words: the layout of their locale, else of their language, else the default one."""
    return next((layouts[key.channel, step] for step in chain(key.locale) if (key.channel, step) in layouts), None)


def _key(product: Product, names: list[str], where: str) -> WordsKey:
    channel, *rest = names
    if channel not in product.channels.all:
        hint = f"{nearest(channel, product.channels.all)}; or add it to `channels`"
        raise TemplateError(where, f"'{channel}' is no channel of this product", hint)
    variant = rest.pop(0) if rest and rest[0] in product.test.variants else None
    locale = rest.pop(0) if rest and LOCALE.fullmatch(rest[0]) else None
    if rest:
        what = f"'{rest[0]}' is neither a variant of the product nor a locale such as de or de-AT"
        raise TemplateError(where, what, "name files <channel>[.<variant>][.<locale>].j2")
    if locale is not None:
        _check_locale(locale, where)
    return WordsKey(channel, variant, locale)


def _check_locale(locale: str, where: str) -> None:
    if not LOCALE.fullmatch(locale) or not is_spoken(locale):
        raise TemplateError(where, f"'{locale}' is no language", "write it as in de, de-AT or pt-BR")
    if (looked_for := in_use(locale)) != locale:
        what = f"people of '{locale}' are looked for under '{looked_for}'"
        raise TemplateError(where, what, f"write {looked_for} instead")


def _check_channels(product: Product, files: Iterable[WordsKey]) -> None:
    for channel in product.channels.all:
        if not any(key.channel == channel for key in files):
            where = f"templates/{product.name}/{channel}.j2"
            raise TemplateError(where, "the product has no words for this channel", "write them, or drop the channel")


def _check_variants(product: Product, files: Iterable[WordsKey]) -> None:
    """One variant may use the words for all; a second one would say the same, and the test could find nothing."""
    for variant in product.test.variants:
        if LOCALE.fullmatch(variant) and is_spoken(variant):
            what = f"the variant '{variant}' has the name of a language, so its files could be either"
            raise ProductError(product.at("test", "variants", variant), what, "give it another name")
    wordless = [variant for variant in product.test.variants if not any(key.variant == variant for key in files)]
    if len(wordless) > 1:
        what = f"the variants {' and '.join(wordless)} have no words of their own, so they would say the same"
        hint = f"write <channel>.{wordless[-1]}.j2 for a channel, or drop the variant"
        raise TemplateError(f"templates/{product.name}", what, hint)
    for channel in product.channels.all:
        own = {key.variant for key in files if key.channel == channel}
        missing = [variant for variant in product.test.variants if variant not in own and None not in own]
        if missing:
            where = f"templates/{product.name}/{channel}.{missing[0]}.j2"
            hint = f"write them, or {channel}.j2 for all variants"
            raise TemplateError(where, f"the variant '{missing[0]}' has no words in {channel}", hint)


def _check_locales(product: Product, files: Iterable[WordsKey]) -> None:
    """A locale that a product speaks anywhere it speaks everywhere: one decision, one language for all channels."""
    files = list(files)
    spoken = sorted({key.locale for key in files}, key=lambda locale: locale or "")
    for channel, variant in dict.fromkeys((key.channel, key.variant) for key in files):
        own = {key.locale for key in files if (key.channel, key.variant) == (channel, variant)}
        for locale in spoken:
            steps = chain(locale)[:-1] if locale else (None,)
            if own.isdisjoint(steps):
                where = f"templates/{product.name}/{WordsKey(channel, variant, locale).file}"
                other = next(key for key in files if key.locale == locale)
                language = f"speaks {locale}" if locale else "has the default words"
                what = f"this file is missing: {other.file} {language}, so this channel has to as well"
                raise TemplateError(where, what, f"write it, or take out {other.file}")


def _check_live(product: Product, files: Iterable[WordsKey], default_locale: str) -> None:
    """Refuse a language that is to be spoken without words."""
    known = {key.locale or default_locale for key in files}
    for locale in product.locales:
        if locale not in known:
            what = f"there are no words in '{locale}', so nobody can be told anything in it"
            hint = f"write {product.channels.all[0]}.{locale}.j2 and the others, or take it out"
            raise ProductError(product.at("locales", locale), what, hint)


def _language(locale: str) -> str:
    return locale.partition("-")[0]


def _check_labels(product: Product, locales: Iterable[str | None]) -> None:
    labels = product.help.action.labels
    for locale in sorted(filter(None, locales)):
        if labels.keys().isdisjoint(chain(locale)[:-1]):
            what = f"help.action.label is not there in '{locale}', and the words are"
            hint = f"write label: {{default: {labels['default']}, {locale}: …}}"
            raise ProductError(product.at("help", "action", "label"), what, hint)
