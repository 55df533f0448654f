"""Words tried on the examples of their fields, before any customer: each set of facts that can occur, and each example.

What others wrote is compiled and rendered in a child process with limits on memory and time (`flows.contained`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flows.contained import contained
from flows.errors import TemplateError
from flows.line.situations import situations
from flows.line.trial import Outcome, Trial, try_file, try_layout
from flows.stages.message import sender_context
from flows.wording import layout_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.budget import Usage
    from flows.product import Product
    from flows.wording import WordsKey
    from flows.workspace import Workspace


@dataclass(frozen=True)
class Tried:
    """A template file and what its words came to.

    Attributes:
        key: which words.
        usage: the dimensions that they use.
        said: set of facts that can occur -> each text that a part came to, without its layout.
        texts: part -> each text that it came to, in its layout where it has one.
        warnings: what is not well made, and may be sent all the same.
    """

    product: Product
    key: WordsKey
    usage: Usage
    said: Mapping[tuple[str, ...], frozenset[str]]
    texts: Mapping[str, frozenset[str]]
    warnings: tuple[str, ...]

    @property
    def file(self) -> str:
        """The name of the template file."""
        return f"templates/{self.product.name}/{self.key.file}"


def try_words(workspace: Workspace) -> tuple[Tried, ...]:
    """Try the words of every product, whatever its status.

    Raises:
        TemplateError: some wording cannot be rendered, comes out broken, holds what may not stand in a message, or takes more
            memory or time than is allowed.
    """
    files = [
        (product, key, usage)
        for product in workspace.products.values()
        for key, usage in workspace.usages(product).items()
    ]
    layouts = {
        key: replace(layout, compiled={}) for key, layout in workspace.layouts.items()
    }  # compiled in the child alone
    trials = [_trial(replace(workspace, layouts=layouts), product, key, usage) for product, key, usage in files]
    contained(try_layout, _layouts(trials), lambda trial, what: _refused(str(trial.layout and trial.layout.name), what))
    outcomes: list[Outcome] = contained(try_file, trials, lambda trial, what: _refused(trial.words.name, what))
    return tuple(
        Tried(product, key, usage, outcome.said, outcome.texts, outcome.warnings)
        for (product, key, usage), outcome in zip(files, outcomes, strict=True)
    )


def _trial(workspace: Workspace, product: Product, key: WordsKey, usage: Usage) -> Trial:
    words, layout = workspace.words[product.name][key], layout_of(workspace.layouts, key)
    brands = workspace.settings.brands
    longest = max(
        product.test.variants, key=len, default=None
    )  # addresses name it, and text messages are paid by length
    variant = f"/{key.variant or longest}" if longest else ""
    senders = [f"{brand}/{country}{variant}" for brand in product.brands for country in brands[brand]]
    contexts = tuple(sender_context(sender, product, key, workspace) for sender in senders)
    segment, used = workspace.segments[product.segment], sorted(usage.used)
    return Trial(
        words=replace(words, compiled={}),
        channel=key.channel,
        situations=tuple(situations(words.fields, used, segment, every_example=True)),
        layout=layout,
        senders=contexts,
        hosts=frozenset({*workspace.settings.link_hosts, *_hosts(contexts)}),
    )


def _hosts(contexts: Iterable[Mapping[str, dict[str, str]]]) -> set[str]:
    """The hosts of the brands' own addresses, those of e-mail among them, and of the action."""
    found = set[str]()
    for context in contexts:
        brand = context["brand"]
        urls = [context["action"]["url"], *(url for name, url in brand.items() if name.endswith("_url"))]
        found |= {urlsplit(url).hostname or "" for url in urls}
        found |= {brand[name].rpartition("@")[2].lower() for name in ("sender_email", "reply_to")}
    return found - {""}


def _layouts(trials: Iterable[Trial]) -> list[Trial]:
    """One trial for each layout, and for each kind of message in it, with all senders that use it."""
    found: dict[tuple[str, bool], Trial] = {}
    for trial in trials:
        if trial.layout is None:
            continue
        key = (trial.layout.name, bool(trial.senders[0]["is_marketing"]))
        before = found.get(key, trial)
        senders = {(sender["brand_name"], sender["country"]): sender for sender in (*before.senders, *trial.senders)}
        found[key] = replace(before, senders=tuple(senders.values()), hosts=before.hosts | trial.hosts)
    return list(found.values())


def _refused(name: str, what: str) -> TemplateError:
    return TemplateError(
        name, f"trying it {what}", "take out what repeats itself, or shorten the examples in the segment's .yaml"
    )
