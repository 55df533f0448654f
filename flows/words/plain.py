"""Plain Jinja2, one message at a time: for previews, and as what the composed words are compared with."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from flows.words.environment import environment
from flows.words.evaluating import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Template

    from flows.words.reading import Words


def plain(words: Words, part: str, values: Mapping[str, Any]) -> str:
    """A part of the words for one customer, rendered by Jinja2 as a whole; fields that `values` lacks are absent.

    Raises:
        TemplateError: an expression fails on these values.
    """
    try:
        template = _template(words, part)
        return template.render({name: values.get(name) for name in words.fields})
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - a template may fail in any way; what it says may quote a value
        line = template_line(error)
        raise failure(words.name, line, words.source.line(line or 0), error) from None


def _template(words: Words, part: str) -> Template:
    key = ("plain", part)
    if key not in words.compiled:
        env = environment(is_html=words.part(part).is_html, locale=words.locale, shared=words.shared)
        tree = words.trees[part]
        tree.set_environment(env)
        words.compiled[key] = env.from_string(tree)
        tree.set_environment(None)  # type: ignore[arg-type]  # so that the words can be pickled
    return words.compiled[key]  # type: ignore[no-any-return]


def template_line(error: Exception) -> int | None:
    """The line of the block on which rendering failed, by Jinja2's rewritten traceback: template, block, macro if any."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return next(iter(lines[1:] or lines), None)
