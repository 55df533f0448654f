"""Our Jinja2: what "plain Jinja2" means here. One template file, two environments: HTML parts are escaped, others are not.

- A field that is not among the customer's facts is None, which prints as nothing and is false (`finalize`).
- A name that is no field at all is an error (StrictUndefined); there are no globals.
- `trim_blocks` and `lstrip_blocks` are on: a tag on a line of its own leaves no blank line. A line that *ends* in a tag
  loses its line break; `{% endif +%}` keeps it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jinja2 import DictLoader, StrictUndefined, pass_eval_context
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

from flows.words.filters import TESTS, filters

if TYPE_CHECKING:
    from jinja2.nodes import EvalContext

VERSION = "2"
"""Enters the digest of all words: raise it when what follows changes what a template prints."""


class Environment(SandboxedEnvironment):
    """A sandbox in which a dot reads a key of a mapping and nothing else: `brand.items` is no method."""

    def getattr(self, obj: object, attribute: str) -> object:
        """The value under `attribute` of a mapping; of a loop, `loop.index` and the like; of nothing else anything."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)


@pass_eval_context
def nothing_for_none(_context: EvalContext, value: object) -> object:
    """Print None as nothing.

    It asks for the evaluation context only so that Jinja2 does not print constants while compiling: there it escapes before
    it finalizes, and `{{ none }}` in HTML would print "None" (Jinja2 3.1.6, compiler.py, `_output_child_to_const`).
    """
    return "" if value is None else value


def environment(*, is_html: bool, locale: str, shared: Mapping[str, str]) -> Environment:
    """The environment of HTML or other parts in a language; `shared` are the sources of `_shared/` files by name."""
    return _environment(is_html, locale, tuple(sorted(shared.items())))


@functools.lru_cache(maxsize=64)
def _environment(is_html: bool, locale: str, shared: tuple[tuple[str, str], ...]) -> Environment:  # noqa: FBT001 - cached
    """Made once for all files that share the same macros, so that these are compiled once."""
    made = Environment(
        # Jinja2's optimizer folds constants within the tree that it compiles. The same nodes are composed again, and whether a
        # place is a slot would depend on what had been compiled before.
        optimized=False,
        autoescape=is_html,
        finalize=nothing_for_none,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=DictLoader(dict(shared)) if shared else None,
    )
    made.globals.clear()
    made.filters, made.tests = dict(filters(locale)), dict(TESTS)
    return made


def bare_environment(*, is_html: bool, locale: str) -> Environment:
    """The environment without shared files: for parsing, and for the small templates of slots and conditions."""
    return environment(is_html=is_html, locale=locale, shared={})
