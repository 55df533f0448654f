"""Reads a tree of Python files without running it: its modules, what each imports, what each says first."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """One Python file. `name` is dotted, from the tree's root: `flows.stages.segment`; a package has its folder's."""

    path: Path
    name: str

    @cached_property
    def syntax(self) -> ast.Module:
        return ast.parse(self.path.read_text("utf-8"), str(self.path))

    @property
    def first_line(self) -> str:
        """The first line of its docstring, or nothing."""
        return (ast.get_docstring(self.syntax) or "").partition("\n")[0]

    @property
    def imports(self) -> set[str]:
        """Dotted names it imports, anywhere: at the top, within functions, for types only, and by `import_module`."""
        found: set[str] = set()
        for node in ast.walk(self.syntax):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                found |= {f"{base}.{alias.name}" for alias in node.names} if base else set()
            elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"} and node.args:
                argument = node.args[0]
                found |= {argument.value} if isinstance(argument, ast.Constant) else set()
        return found

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.path.name == "__init__.py" else self.name.split(".")[:-1]
        above = package[: len(package) - node.level + 1]
        return ".".join([*above, *([node.module] if node.module else [])])


def modules(root: Path, package: str = "flows") -> list[Module]:
    """Every Python file of `package` under `root`, in order of its name."""
    files = sorted((root / package).rglob("*.py"))
    return [Module(path, _dotted(path.relative_to(root))) for path in files]


def write(root: Path, files: dict[str, str]) -> Path:
    """A tree of files for a test, path to text. Returns `root`."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return root


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
