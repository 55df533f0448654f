"""Parts that travel: machines of a cluster that see no common folder hand each other what a run needs, by a store in S3.

Who has begun the run is at home: there are its plan's folder, the ledger and the outbox, and there totals meet. Everybody else is
away, and works on a copy of what of the state folder a part needs, which goes with the run. What travels is packed: an object is
there whole or not at all, it is sealed with the workspace's key, and its name is the run's and that of who has made it. So half
of a part is nowhere, and what anybody else has put there counts as nothing.
"""

from __future__ import annotations

import io
import secrets
import shutil
import tarfile
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from flows.digests import sha256
from flows.durable import private_folder
from flows.errors import PlanError, SourceError
from flows.keys import load_key
from flows.ledger.lock import file_lock
from flows.line import planning
from flows.line.meeting import MET_FOLDER
from flows.line.planning import APART_FOLDER, ROUTED_FOLDER, folder_apart, plan_part
from flows.line.settling import word_part
from flows.line.sources import database
from flows.plan import plan_folder, read_order
from flows.settings import load_settings
from flows.transports import open_store
from flows.warehouse.attaching import edges_of
from flows.workspace import Workspace, load_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from flows.settings import Settings
    from flows.transports import Store

Step = Literal["plan", "word"]
_STEPS: dict[Step, Callable[..., Any]] = {"plan": plan_part, "word": word_part}
_BEGUN, _MET = "begun", "met"
_AWAY = "away"
"""In the state folder of a machine that is away: a copy of the home's for each run, of what its parts need."""
_KEPT = ("stopped/**/*.json", "paused/*.json", "tests.json")
"""What of the home's state folder decides what is said, beside the plan."""
_WAREHOUSE = "warehouse.sha256"
_MARK = "."
"""Behind a name: somebody has begun to work under it."""
_PATIENCE_SECONDS = 3600.0


@contextmanager
def travelling(settings: Settings) -> Iterator[None]:
    """While parts of a run travel. Nothing of it is in the store after, and nothing of runs that were killed before.

    Raises:
        TransportError: the store does not answer, or refuses.
    """
    _clear(settings)
    try:
        yield
    finally:
        _clear(settings)


def share_begun(settings: Settings, run_id: str) -> None:
    """Put there what every part of a run that has begun needs. Raises TransportError."""
    if _travels(settings):
        folder, order = plan_folder(settings, run_id), read_order(settings, run_id)
        files = [path for path in folder.rglob("*") if APART_FOLDER not in path.relative_to(folder).parts]
        files += [path for pattern in _KEPT for path in settings.state.glob(pattern)]
        _send(settings, run_id, _BEGUN, files, {_WAREHOUSE: edges_of(database(settings, order.as_of))})


def share_met(settings: Settings, run_id: str, parts: Iterable[int]) -> None:
    """Put there what the parts need that are to be put into words. Raises TransportError."""
    if _travels(settings):
        folder = plan_folder(settings, run_id)
        _send(settings, run_id, _MET, (folder / MET_FOLDER).iterdir())
        for part in parts:
            _send(settings, run_id, _routed(part), (folder / ROUTED_FOLDER).glob(f"{part:04}-*.parquet"))


def work_on(step: Step, folder: Path, run_id: str, part: int, apart: str) -> Any:  # noqa: ANN401
    """Plan a part, or put it into words: at home in the plan's folder, away on a copy.

    Args:
        step: which of both.
        folder: of the workspace.
        run_id: of the run.
        part: which.
        apart: the name under which what is made waits for `take`.

    Returns:
        As `plan_part` and `word_part`.

    Raises:
        TransportError: the store does not answer, or refuses.
        SourceError: the warehouse here is not a copy of the one that the run has begun with.
        PlanError: what is in the store is not from who has the key.
        JustEnoughError: as `plan_part` and `word_part`.
    """
    settings = load_settings(folder)
    if settings.store is None or settings.folder("plans", run_id, "order.json").exists():
        return _STEPS[step](workspace_of(folder, run_id), run_id, part, apart)
    state = _copy(settings, run_id, step, part)
    loaded = workspace_of(folder, run_id, state)
    _send(loaded.settings, run_id, f"{apart}{_MARK}", ())
    found = _STEPS[step](loaded, run_id, part, apart)
    made = folder_apart(plan_folder(loaded.settings, run_id), apart)
    _send(loaded.settings, run_id, apart, made.rglob("*"))
    shutil.rmtree(made)
    return found


def take(settings: Settings, run_id: str, apart: str) -> None:
    """As `planning.take`, of what was made here or away. Raises TransportError, PlanError and OutboxError."""
    if _travels(settings) and not folder_apart(plan_folder(settings, run_id), apart).exists():
        _fetch(settings, run_id, apart, settings.state)
        with _store(settings) as store:
            store.remove(_name(settings, run_id, each) for each in (apart, f"{apart}{_MARK}"))
    planning.take(settings, run_id, apart)


def left_apart(settings: Settings, run_id: str) -> list[str]:
    """The names under which somebody has begun to work, and nobody has taken what was made."""
    left = [path.name for path in folder_apart(plan_folder(settings, run_id), "_").parent.glob("*")]
    if _travels(settings):
        before = _name(settings, run_id, "").removesuffix(_SUFFIX)
        with _store(settings) as store:
            names = [name.removeprefix(before).removesuffix(_SUFFIX) for name in store.names(before)]
        left += [name.removesuffix(_MARK) for name in names if name.endswith(_MARK)]
    return left


def leave(folder: Path) -> None:
    """Remove the copies that a machine has of homes that it does not see."""
    shutil.rmtree(load_settings(folder).folder(_AWAY), ignore_errors=True)


@lru_cache(maxsize=2)
def workspace_of(folder: Path, _run_id: str, state: Path | None = None) -> Workspace:
    """The workspace of a run, read once per process: reading takes longer than a small part does.

    A plan of other settings, words or SQL is refused, so what is kept for a run is what its plan was made of.
    """
    return load_workspace(folder, state)


def _copy(settings: Settings, run_id: str, step: Step, part: int) -> Path:
    """The copy that one part can be worked on in; made where there is none, whoever else makes it."""
    place = private_folder(settings.folder(_AWAY))
    state = private_folder(place / run_id)
    with file_lock(place / "lock", "fetching what a part needs", _PATIENCE_SECONDS):
        for other in place.iterdir():
            if other.is_dir() and other != state:  # of a run that is over, or was killed
                shutil.rmtree(other)
        for pack in (_BEGUN,) if step == "plan" else (_BEGUN, _MET, _routed(part)):
            done = state / f".{pack}"
            if not done.exists():
                _fetch(settings, run_id, pack, state)
                done.touch()
    here = database(settings, read_order(settings.model_copy(update={"state": state}), run_id).as_of)
    if edges_of(here) != (state / _WAREHOUSE).read_text("ascii"):
        what = "this warehouse is not a copy of the one that the run has begun with"
        raise SourceError(here, what, "copy it to this machine again, then start another run")
    return state


def _send(
    settings: Settings, run_id: str, pack: str, files: Iterable[Path], more: dict[str, str] | None = None
) -> None:
    """Pack some files of the state folder, by their places in it, with more that is written out, and put it there."""
    path = private_folder(settings.folder("scratch")) / f"{secrets.token_hex(8)}.tar"
    try:
        with tarfile.open(path, "x") as packed:
            for file in sorted(each for each in files if each.is_file()):
                packed.add(file, str(file.relative_to(settings.state)), recursive=False)
            for name, text in (more or {}).items():
                about = tarfile.TarInfo(name)
                about.size, about.mode = len(text), 0o600
                packed.addfile(about, io.BytesIO(text.encode()))
        with _store(settings) as store:
            store.put(_name(settings, run_id, pack), path, _seal(settings, run_id, pack, path))
    finally:
        path.unlink(missing_ok=True)


def _fetch(settings: Settings, run_id: str, pack: str, state: Path) -> None:
    """Unpack what somebody has put there into a state folder, once it is known to be whole, and from who has the key."""
    path = private_folder(settings.folder("scratch")) / f"{secrets.token_hex(8)}.tar"
    try:
        with _store(settings) as store:
            seal = store.get(_name(settings, run_id, pack), path)
        if not secrets.compare_digest(seal, _seal(settings, run_id, pack, path)):
            what = f"'{pack}' in the store is not what somebody with the workspace's key has put there"
            raise PlanError(run_id, what, "see who else can write there, then start another run")
        private_folder(state)
        with tarfile.open(path) as packed:
            packed.extractall(state, filter="data")
    finally:
        path.unlink(missing_ok=True)


def _seal(settings: Settings, run_id: str, pack: str, path: Path) -> str:
    return load_key(settings.key_file).seal({"run": run_id, "pack": pack, "sha256": sha256(path)})


def _travels(settings: Settings) -> bool:
    """Whether parts of a run that is begun here do."""
    return settings.store is not None and settings.runner == "dask"


def _store(settings: Settings) -> AbstractContextManager[Store]:
    assert settings.store is not None  # noqa: S101  (who calls has asked)
    return open_store(settings.store)


def _clear(settings: Settings) -> None:
    if _travels(settings):
        with _store(settings) as store:
            store.remove(store.names(_prefix(settings)))


def _prefix(settings: Settings) -> str:
    """Of a workspace and environment: while one run of it goes on there is no other."""
    return f"{quote(settings.name, safe='')}/{settings.environment}/"


_SUFFIX = ".tar"


def _name(settings: Settings, run_id: str, pack: str) -> str:
    return f"{_prefix(settings)}{run_id}/{pack}{_SUFFIX}"


def _routed(part: int) -> str:
    return f"routed-{part:04}"
