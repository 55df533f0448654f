"""Going back to an earlier version of a product: its words, SQL and settings, and what is on its way of the others."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from flows.clock import present
from flows.digests import digest_of, sha256
from flows.errors import StateError, UsageError, nearest
from flows.keys import load_key
from flows.ledger.consent import drain
from flows.ledger.lock import run_lock
from flows.ledger.portfolio import all_versions
from flows.ledger.publishing import check_folders, recover
from flows.ledger.recalls import recallable
from flows.ledger.restoring import mark, refuse_restored
from flows.ledger.runs import archive
from flows.ledger.store import open_ledger
from flows.line.recalling import BY_HAND, called_back
from flows.line.request import Recalled
from flows.product import product_folders, read_product
from flows.workspace import load_workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.settings import Settings

_PARTS = ("pyproject.toml", "sql", "templates")
"""What a workspace is read from."""


@dataclass(frozen=True)
class Reverted:
    """What going back has changed.

    Attributes:
        product: its name.
        version: the number of the version whose files are here now.
        kept: the folder in which the files are that were here before.
        written, removed: files of the workspace, by name; none where they were the same already.
        differs: files that other products use, too, and that are not as they were then: they were left alone.
        recalled: what was called back of other versions.
    """

    product: str
    version: int
    kept: Path
    written: tuple[str, ...]
    removed: tuple[str, ...]
    differs: tuple[str, ...]
    recalled: Recalled


def revert(settings: Settings, product: str, number: int) -> Reverted:
    """Put a product's files back as they were in an earlier version, and call back what may be sent still of others.

    Its own files are put back: its folder, and its segment where no other product uses it. What other products use, too, is left
    alone. The workspace as it would be is tried before anything is written, and what was here is kept. Harmless when repeated.

    Args:
        settings: say where everything is; the product's files may be broken, since that may be why.
        product: its name.
        number: of a version that was delivered.

    Raises:
        UsageError: no version of such a product was delivered, or none of this number.
        StateError: what the version was made of is not kept any more.
        JustEnoughError: the workspace would not be sound with these files, as `load_workspace` says.
        LockedError: a run is going on.
    """
    with run_lock(settings, "justenough rollback"):
        check_folders(settings)
        refuse_restored(settings)
        recovered = recover(settings)
        with open_ledger(settings) as ledger:
            digest = _digest(all_versions(ledger), product, number)
        then = settings.folder("content", digest)
        if not then.is_dir():
            what = f"what version {number} was made of is not kept any more"
            raise StateError(
                then, what, "restore the state folder from your backup, or take the files from your repository"
            )
        files = {str(path.relative_to(then)): path for path in sorted(then.rglob("*")) if path.is_file()}
        with tempfile.TemporaryDirectory(prefix="justenough-") as folder:
            own = _tried(settings, product, files, Path(folder))
        base = settings.workspace
        written = tuple(name for name in own if not _is_same(base / name, files[name]))
        removed = tuple(_strangers(base, product, files))
        differs = tuple(name for name in files if name not in own and not _is_same(base / name, files[name]))
        here = {name: base / name for name in (*own, *removed) if (base / name).is_file()}
        kept = keep_files(settings, here) if written or removed else then
        write_files(base, {name: files[name] for name in written}, removed)
        recalled = _recalled(settings, product, number)
        mark(settings)
    done = Recalled(recalled.batches, recalled.reasons, recalled.carried, tuple(recovered))
    return Reverted(product, number, kept, written, removed, differs, done)


def _digest(versions: pl.DataFrame, product: str, number: int) -> str:
    mine = versions.filter(product=product)
    if mine.is_empty():
        known = versions["product"].unique().sort().to_list()
        raise UsageError("justenough rollback", f"nothing was delivered of '{product}'", nearest(product, known))
    found = mine.filter(number=number)
    if found.is_empty():
        there = ", ".join(map(str, mine["number"]))
        raise UsageError("--to", f"there is no version {number} of '{product}'", f"its versions are {there}")
    return str(found["digest"][0])


def _tried(settings: Settings, product: str, files: Mapping[str, Path], folder: Path) -> list[str]:
    """Read the workspace as it would be, from a copy, and return which files of the version are the product's own."""
    copy_workspace(settings.workspace, folder)
    for name in _strangers(folder, product, files):
        (folder / name).unlink()
    for name, file in files.items():
        if name.startswith(f"templates/{product}/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / name)
    segment, others = _segment_of(folder, product)
    own = [name for name in files if name.startswith(f"templates/{product}/")]
    if not others:
        own += [name for name in files if name in (f"sql/segments/{segment}.sql", f"sql/segments/{segment}.yaml")]
    for name in own:
        shutil.copyfile(files[name], folder / name)
    load_workspace(folder)
    return own


def copy_workspace(base: Path, folder: Path) -> None:
    """Copy what a workspace is read from into an empty folder, so that it can be read as it would be."""
    for part in _PARTS:
        if (base / part).is_dir():
            shutil.copytree(base / part, folder / part)
        else:
            shutil.copy2(base / part, folder / part)


def _segment_of(folder: Path, product: str) -> tuple[str, tuple[str, ...]]:
    """The segment of a product, and the other products that use it."""
    read = {path.name: read_product(path) for path in product_folders(folder / "templates")}
    segment = read[product].segment
    return segment, tuple(name for name, other in read.items() if name != product and other.segment == segment)


def _strangers(base: Path, product: str, files: Mapping[str, Path]) -> list[str]:
    """The files of a product's folder that were not there then."""
    here = sorted((base / "templates" / product).glob("*"))
    names = [str(path.relative_to(base)) for path in here if path.is_file() and not path.name.startswith(".")]
    return [name for name in names if name not in files]


def _is_same(here: Path, then: Path) -> bool:
    return here.is_file() and sha256(here) == sha256(then)


def keep_files(settings: Settings, files: Mapping[str, Path]) -> Path:
    """Keep files that are here as those of a version are kept, and return the folder that has them."""
    digest = digest_of(files)
    archive(settings, digest, files)
    return settings.folder("content", digest)


def write_files(base: Path, files: Mapping[str, Path], removed: tuple[str, ...]) -> None:
    """Write files into the workspace, each whole or not at all, as readable as it was."""
    for name, file in files.items():
        target = base / name
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.tmp")
        temporary.write_bytes(file.read_bytes())
        temporary.chmod(mode)
        temporary.replace(target)
    for name in removed:
        (base / name).unlink()


def _recalled(settings: Settings, product: str, number: int) -> Recalled:
    """Call back what may be sent still of other versions of a product."""
    key = load_key(settings.key_file)
    with open_ledger(settings) as ledger:
        drained = drain(settings, ledger, key)
        rows = recallable(ledger, present()).filter(product=product)
        right = ledger.rows(
            "SELECT message_id, batch_id FROM receipt WHERE product = $product AND product_version = $number",
            {"product": product, "number": number},
        )
    wrong = rows.join(right.cast(pl.String), on=["message_id", "batch_id"], how="anti", maintain_order="left")
    return called_back(settings, wrong.with_columns(reason=pl.lit(BY_HAND)), drained)
