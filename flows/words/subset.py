"""The part of Jinja2 that templates may use: an allow-list over the syntax tree, before anything is compiled.

Parsing folds nothing; compiling does, and `{{ 7**40000000 }}` or `{{ 'a'|center(2000000000) }}` then eat the machine.
Whatever is not named here is refused, with its file and line.
"""

from __future__ import annotations

import difflib
import inspect
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jinja2 import TemplateSyntaxError, nodes

from flows.durable import plain_size
from flows.errors import TemplateError, nearest
from flows.words.environment import bare_environment
from flows.words.filters import CHOICES, TESTS, filters
from flows.words.names import set_too_late

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

LARGEST_FILE = 128_000
LONGEST_TEXT = 1_000
"""Characters of a constant: printed in every place of a file, more would fill the machine."""
DEEPEST = 12
"""Levels of nested conditions, and of nested expressions."""
MOST_BRANCHES = 24
"""Of one `if`: its `elif`s stand inside each other once it is composed."""

LOOP_ATTRIBUTES = ("first", "last", "index")
RESERVED = {"loop", "self", "super", "caller", "varargs", "kwargs"}
NAME = re.compile(r"[^\W_]\w*", re.ASCII)
SHARED = re.compile(r"_shared/[a-z0-9_]+\.j2")
ANY_LOCALE = "en"  # for what is the same in every language: which tags there are, what a filter takes
MARKS = re.compile(r"[\ufdd0-\ufdef]")
"""Characters that Unicode reserves for a program's own use; slots are marked with them while a layout is rendered."""
UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Characters that nobody sees in an editor and that change what a reader sees: controls, and what turns the direction."""

ADVICE: dict[type[nodes.Node], tuple[str, str]] = {
    nodes.Extends: ("`extends` is not allowed", "the channel adds the layout; write the blocks alone"),
    nodes.Include: ("`include` is not allowed", 'import a macro: {% from "_shared/x.j2" import m %}'),
    nodes.Import: ("`import … as` is not allowed", 'name the macros: {% from "_shared/x.j2" import m %}'),
    nodes.FromImport: ("an import belongs outside the blocks", "move it to the top of the file"),
    nodes.Macro: ("a macro belongs in a file of _shared/", "move it there and import it"),
    nodes.CallBlock: ("`call` is not allowed", "print the macro: {{ m(…) }}"),
    nodes.FilterBlock: ("`filter` blocks are not allowed", "apply the filter where the value is printed"),
    nodes.With: ("`with` is not allowed", "use `set`"),
    nodes.AssignBlock: ("the block form of `set` is not allowed", "write {% set x = … %}, or a macro of _shared/"),
    nodes.Scope: ("`autoescape` is not allowed", "HTML parts are escaped, others are not"),
    nodes.Block: ("a block inside a block is not allowed", "one block per part, side by side"),
    nodes.Concat: ("`~` is not allowed", "print the values one after the other"),
    nodes.BinExpr: ("arithmetic is not allowed", "compute the value in the segment's query"),
    nodes.UnaryExpr: ("arithmetic is not allowed", "compute the value in the segment's query"),
    nodes.Getitem: ("`[…]` is not allowed", "make it a field of its own in the segment's query"),
    nodes.Getattr: ("a dot is not allowed, but for loop.first, loop.last, loop.index", "fields are flat names"),
    nodes.Call: ("a call is not allowed here", "a macro of _shared/ is printed alone: {{ m(…) }}"),
    nodes.Literal: ("a list stands only after `in`, and holds constants", "make it a field of the segment"),
    nodes.NSRef: ("`namespace` is not allowed", "use `set`"),
}


@dataclass(frozen=True)
class Source:
    """One template file while it is read: what errors call it, its text, and what may stand at this place of it."""

    name: str
    text: str = field(repr=False)
    macros: Collection[str] = ()
    in_loop: bool = False
    is_layout: bool = False
    only_printed: Collection[str] = ()  # names a layout may print and nothing else

    def error(self, line: int, what: str, hint: str) -> TemplateError:
        """An error at a line of this file."""
        return TemplateError(f"{self.name}:{line}", what, hint)

    def line(self, number: int) -> str:
        """What stands on a line, shortened."""
        lines = self.text.splitlines()
        text = lines[number - 1].strip() if 0 < number <= len(lines) else ""
        return text if len(text) <= 80 else text[:79] + "…"


def load(file: Path, name: str) -> Source:
    """Read a template file.

    Raises:
        TemplateError: it is missing, too large, not UTF-8, or holds characters that mark slots.
    """
    try:
        if plain_size(file) > LARGEST_FILE:
            raise TemplateError(name, f"the file is larger than {LARGEST_FILE // 1000} kB", "shorten it")
        text = file.read_text(encoding="utf-8-sig")
    except OSError:
        raise TemplateError(name, "this file is missing or cannot be read", "create it, or mend its name") from None
    except UnicodeDecodeError:
        raise TemplateError(name, "this file is not UTF-8", "save it as UTF-8") from None
    source = Source(name, text)
    if found := MARKS.search(text) or UNSEEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise source.error(line, f"the character U+{ord(found[0]):04X} is not allowed", "delete it")
    return source


def parse(source: Source) -> nodes.Template:
    """The syntax tree of a file; nothing is folded or compiled. Raises TemplateError with the line."""
    try:
        return bare_environment(is_html=False, locale=ANY_LOCALE).parse(source.text)
    except TemplateSyntaxError as error:
        what = " ".join((error.message or "it cannot be read").split()).split(" The innermost block", 1)[0]
        raise source.error(
            error.lineno, what[:200], "mend the tag; see the subset in the documentation, Write a product"
        ) from None
    except RecursionError:
        raise TemplateError(source.name, "it is nested too deeply", f"at most {DEEPEST} levels are allowed") from None
    except ValueError:
        raise TemplateError(source.name, "it holds a number that cannot be read", "shorten the number") from None


def check_body(body: Sequence[nodes.Node], source: Source, depth: int = 0) -> None:
    """Refuse every statement and expression that is not in the subset. Raises TemplateError."""
    for node in body:
        if depth > DEEPEST:
            raise source.error(node.lineno, "it is nested too deeply", f"at most {DEEPEST} levels are allowed")
        check = STATEMENTS.get(type(node))
        if check is None:
            raise _refused(node, source)
        check(node, source, depth)


def check_sets(body: Sequence[nodes.Node], source: Source, parameters: Collection[str] = ()) -> None:
    """Refuse a `set` that comes too late for a loop. Raises TemplateError."""
    late = set_too_late(body, parameters)
    if late is not None:
        what = f"'{late.name}' is set after a loop has read it, which then finds nothing"
        raise source.error(late.lineno, what, "set it before the loop, or choose another name")


def check_expression(node: nodes.Node, source: Source, depth: int = 0) -> None:
    """As `check_body`, for one expression."""
    if depth > DEEPEST:
        raise source.error(node.lineno, "this expression is nested too deeply", "use `set` for its parts")
    check = EXPRESSIONS.get(type(node))
    if check is None:
        raise _refused(node, source)
    check(node, source, depth)


def _refused(node: nodes.Node, source: Source) -> TemplateError:
    line = next((each.lineno for each in (node, *node.find_all(nodes.Node)) if each.lineno), 1)
    for kind in type(node).__mro__:
        if kind in ADVICE:
            return source.error(line, *ADVICE[kind])
    what = f"`{type(node).__name__.lower()}` is not allowed"
    return source.error(line, what, "see the subset in the documentation, Write a product")


def _output(node: nodes.Output, source: Source, _depth: int) -> None:
    for child in node.nodes:
        if isinstance(child, nodes.TemplateData):
            continue
        if isinstance(child, nodes.Name) and child.name in source.only_printed:
            continue
        if isinstance(child, nodes.Call) and isinstance(child.node, nodes.Name) and child.node.name in source.macros:
            _call(child, source)
        else:
            check_expression(child, source)


def _call(node: nodes.Call, source: Source) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise source.error(node.lineno, "`*` in a macro's arguments is not allowed", "name each argument")
    for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
        check_expression(argument, source)


def _if(node: nodes.If, source: Source, depth: int) -> None:
    check_expression(node.test, source)
    check_body(node.body, source, depth + 1)
    if len(node.elif_) >= MOST_BRANCHES:
        what = f"an `if` with {len(node.elif_) + 1} branches is too long; at most {MOST_BRANCHES} are allowed"
        raise source.error(node.lineno, what, "look the words up in the segment's query")
    for branch in node.elif_:
        check_body([branch], source, depth)
    check_body(node.else_, source, depth + 1)


def _for(node: nodes.For, source: Source, depth: int) -> None:
    if source.in_loop:
        raise source.error(node.lineno, "a loop inside a loop is not allowed", "make it a field of the segment")
    if node.recursive:
        raise source.error(node.lineno, "a recursive loop is not allowed", "loop over a field")
    _target(node.target, source)
    _over(node.iter, source)
    if node.test is not None:
        check_expression(node.test, source)
    check_body(node.body, replace(source, in_loop=True), depth + 1)
    check_body(node.else_, source, depth + 1)


def _over(node: nodes.Node, source: Source) -> None:
    plain = isinstance(node, nodes.Name) or (source.is_layout and isinstance(node, nodes.Getattr))
    if not plain:
        raise source.error(node.lineno, "a loop goes over a field", "name a field: {% for item in items %}")
    check_expression(node, source)


def _assign(node: nodes.Assign, source: Source, _depth: int) -> None:
    _target(node.target, source)
    check_expression(node.node, source)


def _target(node: nodes.Node, source: Source) -> None:
    if not isinstance(node, nodes.Name):
        kind = node if isinstance(node, nodes.NSRef) else None
        raise _refused(kind, source) if kind else source.error(node.lineno, "one name at a time", "set one name")
    _check_name(node, source)
    if node.name in source.macros or node.name in source.only_printed:
        raise source.error(node.lineno, f"'{node.name}' is taken here", "choose another name")


def _name(node: nodes.Name, source: Source, _depth: int) -> None:
    _check_name(node, source)
    if node.name in source.macros:
        raise source.error(node.lineno, f"the macro '{node.name}' is not a value", "print it: {{ m(…) }}")
    if node.name in source.only_printed:
        raise source.error(node.lineno, f"'{node.name}' can only be printed as it is", "write {{ … }} with it alone")


def _check_name(node: nodes.Name, source: Source) -> None:
    if node.name in RESERVED:
        raise source.error(
            node.lineno, f"'{node.name}' is not allowed here", "inside a loop: loop.first, loop.last, loop.index"
        )
    if not NAME.fullmatch(node.name):
        what = f"the name '{node.name}' is not allowed"
        raise source.error(node.lineno, what, "start with a letter; letters, digits and _ of ASCII")


def _constant(node: nodes.Const, source: Source, _depth: int) -> None:
    value = node.value
    if isinstance(value, int) and abs(value) >= 2**63:
        raise source.error(node.lineno, "this number is too large", "write a smaller one")
    if not isinstance(value, str):
        return
    if (
        MARKS.search(value)
        or UNSEEN.search(value)
        or any("\ud800" <= letter <= "\udfff" or letter == "\r" for letter in value)
    ):
        raise source.error(node.lineno, "this text holds a character that is not allowed", "delete the escape")
    if len(value) > LONGEST_TEXT:
        what = f"a text of {len(value)} characters stands in an expression; at most {LONGEST_TEXT} are allowed"
        raise source.error(node.lineno, what, "write it outside the tags")


def _filter(node: nodes.Filter, source: Source, depth: int) -> None:
    known = filters(ANY_LOCALE)
    if node.name not in known:
        what = f"the filter '{node.name}' is not in the list"
        raise source.error(node.lineno, what, _listed(node.name, known))
    if node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None:
        raise source.error(node.lineno, f"'{node.name}' is not used like this", "write {{ value|filter }}")
    _arguments(node, known[node.name], source)
    check_expression(node.node, source, depth + 1)


def _test(node: nodes.Test, source: Source, depth: int) -> None:
    if node.name not in TESTS:
        hint = (
            "an absent field is none and false: {% if field %}" if "defined" in node.name else _listed(node.name, TESTS)
        )
        raise source.error(node.lineno, f"the test '{node.name}' is not in the list", hint)
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise source.error(node.lineno, f"'{node.name}' is not used like this", "write {% if value is test %}")
    _arguments(node, TESTS[node.name], source)
    check_expression(node.node, source, depth + 1)


def _arguments(node: nodes.Filter | nodes.Test, function: Callable[..., object], source: Source) -> None:
    """Arguments are constants, and fit the function: `{{ day|date('long') }}` must not fail on the night it matters."""
    for argument in (*node.args, *(keyword.value for keyword in node.kwargs)):
        if not isinstance(argument, nodes.Const):
            raise source.error(node.lineno, f"the arguments of '{node.name}' are constants", "write the value itself")
        _constant(argument, source, 0)
    try:
        constants = [argument.value for argument in node.args]  # type: ignore[attr-defined]
        named = {str(keyword.key): keyword.value.value for keyword in node.kwargs}  # type: ignore[attr-defined]
        given = inspect.signature(function).bind(None, *constants, **named).arguments
    except TypeError:
        takes = [str(each.replace(annotation=each.empty)) for each in inspect.signature(function).parameters.values()]
        hint = f"it takes ({', '.join(takes[1:])})"
        raise source.error(node.lineno, f"'{node.name}' does not take these arguments", hint) from None
    for name, value in given.items():
        known = CHOICES.get((node.name, name))
        if known is not None and value not in known:
            raise source.error(node.lineno, f"'{value}' is no {name} of '{node.name}'", nearest(str(value), known))


def _listed(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    return f"did you mean '{close[0]}'?" if close else f"the list: {', '.join(sorted(known))}"


def _inline_if(node: nodes.CondExpr, source: Source, depth: int) -> None:
    if node.expr2 is None:
        raise source.error(node.lineno, "an inline `if` needs its `else`", "add: else ''")
    for part in (node.test, node.expr1, node.expr2):
        check_expression(part, source, depth + 1)


def _compare(node: nodes.Compare, source: Source, depth: int) -> None:
    check_expression(node.expr, source, depth + 1)
    for operand in node.ops:
        if operand.op in {"in", "notin"} and isinstance(operand.expr, (nodes.List, nodes.Tuple)):
            for item in operand.expr.items:
                if not isinstance(item, nodes.Const):
                    raise _refused(operand.expr, source)
                _constant(item, source, depth)
        else:
            check_expression(operand.expr, source, depth + 1)


def _both(node: nodes.BinExpr, source: Source, depth: int) -> None:
    check_expression(node.left, source, depth + 1)
    check_expression(node.right, source, depth + 1)


def _not(node: nodes.Not, source: Source, depth: int) -> None:
    check_expression(node.node, source, depth + 1)


def _negative(node: nodes.Neg, source: Source, _depth: int) -> None:
    if not isinstance(node.node, nodes.Const) or not isinstance(node.node.value, (int, float)):
        raise _refused(node, source)
    _constant(node.node, source, 0)


def _attribute(node: nodes.Getattr, source: Source, depth: int) -> None:
    of_loop = isinstance(node.node, nodes.Name) and node.node.name == "loop"
    if of_loop and source.in_loop and node.attr in LOOP_ATTRIBUTES:
        return
    if of_loop or not source.is_layout or not NAME.fullmatch(node.attr):
        raise _refused(node, source)
    check_expression(node.node, source, depth + 1)


STATEMENTS: dict[type[nodes.Node], Callable[..., None]] = {
    nodes.Output: _output,
    nodes.If: _if,
    nodes.For: _for,
    nodes.Assign: _assign,
}
EXPRESSIONS: dict[type[nodes.Node], Callable[..., None]] = {
    nodes.Const: _constant,
    nodes.Name: _name,
    nodes.Filter: _filter,
    nodes.Test: _test,
    nodes.CondExpr: _inline_if,
    nodes.Compare: _compare,
    nodes.And: _both,
    nodes.Or: _both,
    nodes.Not: _not,
    nodes.Neg: _negative,
    nodes.Getattr: _attribute,
}
