"""Formulas by column: by Polars where an expression is simple, else once per distinct input by our Jinja2.

A formula becomes a small template of its own: the sets that it uses, then the expression printed, or tested. So Jinja2 itself
decides what comes out, and the rows only look it up.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from jinja2 import nodes

from flows.errors import TemplateError
from flows.words.columnar import printed_by_column, true_by_column
from flows.words.environment import bare_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Template

    from flows.words.reading import Words

TRUE = "1"


@dataclass(frozen=True)
class Closed:
    """A formula with everything it needs but the fields.

    Attributes:
        node: the expression, or the loop with what is set before it.
        sets: the assignments it uses, in order.
        inputs: the fields it reads, sorted.
        line: the template's line.
        is_html: whether what it prints is escaped; None for a condition.
    """

    node: nodes.Node
    sets: tuple[nodes.Assign, ...]
    inputs: tuple[str, ...]
    line: int
    is_html: bool | None

    @functools.cached_property
    def identity(self) -> tuple[str, bool | None]:
        """Equal for formulas that always come out the same (the names of sets are unique)."""
        return repr(self.node), self.is_html


def evaluate(words: Words, closed: Closed, frame: pl.DataFrame) -> pl.Series:
    """What `closed` prints on each row of `frame` (String), or whether it is true (Boolean).

    Raises:
        TemplateError: it fails on some row; the error names the line, never a value.
    """
    by_column = _by_column(closed, frame.schema)
    if by_column is not None:
        return frame.select(by_column.alias("value"))["value"]
    texts = _by_distinct_input(words, closed, frame)
    return texts if closed.is_html is not None else texts == TRUE


def evaluate_once(words: Words, closed: Closed) -> str:
    """What a formula without inputs prints; a condition prints TRUE or nothing."""
    return _rendered(words, closed, _template(words, closed), {})


def _by_column(closed: Closed, schema: Mapping[str, pl.DataType]) -> pl.Expr | None:
    if closed.sets:
        return None
    if closed.is_html is None:
        return true_by_column(closed.node, schema)
    return printed_by_column(closed.node, schema, is_html=closed.is_html)


def _by_distinct_input(words: Words, closed: Closed, frame: pl.DataFrame) -> pl.Series:
    template = _template(words, closed)
    identities = [f"\x1f{number}" for number in range(len(closed.inputs))]
    keyed = frame.select(
        *closed.inputs,
        *(_identity(name, frame.schema[name]).alias(key) for name, key in zip(closed.inputs, identities, strict=True)),
    )
    distinct = keyed.unique(subset=identities, keep="any")
    values = [
        _rendered(words, closed, template, dict(zip(closed.inputs, row, strict=True)))
        for row in distinct.select(closed.inputs).iter_rows()
    ]
    answers = distinct.select(identities).with_columns(pl.Series("value", values, dtype=pl.String))
    looked_up = keyed.select(identities).join(
        answers, on=identities, how="left", nulls_equal=True, maintain_order="left"
    )
    return looked_up["value"]


def _identity(name: str, dtype: pl.DataType) -> pl.Expr:
    """What tells two values apart that print differently: 0.0 and -0.0 are equal and do."""
    return pl.col(name).cast(pl.String) if dtype.is_float() else pl.col(name)


def _template(words: Words, closed: Closed) -> Template:
    key = closed.identity
    if key not in words.compiled:
        env = bare_environment(is_html=bool(closed.is_html), locale=words.locale)
        if closed.is_html is None:
            yes = nodes.Output([nodes.TemplateData(TRUE)])
            last: nodes.Node = nodes.If(closed.node, [yes], [], [])
        else:
            last = closed.node if isinstance(closed.node, nodes.Stmt) else nodes.Output([closed.node])
        tree = nodes.Template([*closed.sets, last], lineno=1)
        tree.set_lineno(closed.line).set_environment(env)
        words.compiled[key] = env.from_string(tree)
    return words.compiled[key]  # type: ignore[no-any-return]


def _rendered(words: Words, closed: Closed, template: Template, values: Mapping[str, Any]) -> str:
    try:
        return template.render(values)
    except Exception as error:  # noqa: BLE001 - a template may fail in any way; what it says may quote a value
        raise failure(words.name, closed.line, words.source.line(closed.line), error) from None


def failure(name: str, line: int | None, text: str, error: Exception) -> TemplateError:
    """The error for an expression that fails on some values; it holds none of them."""
    where = f"{name}:{line}" if line else name
    what = f"this fails for some values ({type(error).__name__}): {text}" if text else f"{type(error).__name__}"
    return TemplateError(where, what, "test the field before using it, or mend its type in the segment's query")


def inputs_of(names: Sequence[str], sets: Sequence[nodes.Assign]) -> tuple[str, ...]:
    """The names a formula reads that none of its sets makes."""
    made = {assign.target.name for assign in sets}  # type: ignore[attr-defined]
    return tuple(sorted(set(names) - made))
