"""What says nothing until a person lets it speak: everything, a brand, the people of a country, a product.

Each is a file in the state folder, whatever the settings say, so that it takes no run's lock; every seal looks there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.durable import sync_folder, write_bytes
from flows.errors import StateError, UsageError, nearest
from flows.schemas import EXCLUSIONS

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings

Kind = Literal["everything", "brand", "country", "product"]
EVERYTHING = "everything"
STOP_OF = "stop of "
"""How the detail of an exclusion begins that comes of a stopped country, whose name follows."""
_FOLDERS: dict[Kind, tuple[str, ...]] = {
    "everything": ("stopped",),
    "brand": ("stopped", "brands"),
    "country": ("stopped", "countries"),
    "product": ("paused",),
}


@dataclass(frozen=True)
class Stop:
    """Something that is stopped.

    Attributes:
        kind: what it is.
        name: which; `EVERYTHING` where all of it is.
        since: UTC instant.
        why: what a person should look at; nothing of a customer.
    """

    kind: Kind
    name: str
    since: datetime
    why: str

    @property
    def of(self) -> str:
        """What is stopped, in words."""
        return called(self.kind, self.name)

    @property
    def said(self) -> str:
        """Since when, and why."""
        return f"since {self.since:%Y-%m-%d %H:%M} UTC: {self.why}"

    @property
    def end(self) -> str:
        """The command that ends it."""
        return _command("go", self.kind, self.name)


def called(kind: Kind, name: str) -> str:
    """What may be stopped, in words: `everything`, `brand north`, `country DE`."""
    return EVERYTHING if kind == EVERYTHING else f"{kind} {name}"


def stopped(settings: Settings, *kinds: Kind) -> tuple[Stop, ...]:
    """What is stopped, by name; of some kinds, or of all. Raises StateError where a file is not as it was written."""
    return tuple(stop for kind in kinds or _FOLDERS for stop in _read(settings, kind))


def stop(settings: Settings, kind: Kind, name: str, why: str, at: datetime) -> Stop:
    """Stop something from now on; what is stopped already keeps its reason. Nothing of it is sealed any more."""
    known = {each.name: each for each in stopped(settings, kind)}
    if name in known:
        return known[name]
    write_bytes(_file(settings, kind, name), json.dumps({"since": at.isoformat(), "why": why}).encode())
    return Stop(kind, name, at, why)


def go(settings: Settings, kind: Kind, name: str) -> Stop:
    """End a stop, and return it.

    Raises:
        UsageError: it is not stopped.
    """
    known = {each.name: each for each in stopped(settings, kind)}
    if name not in known:
        what = "nothing is stopped as a whole" if kind == EVERYTHING else f"the {kind} '{name}' is not stopped"
        others = [each.of for each in stopped(settings)]
        hint = nearest(name, known) if known else f"stopped: {', '.join(others)}" if others else "nothing is stopped"
        raise UsageError("justenough go", what, hint)
    file = _file(settings, kind, name)
    file.unlink(missing_ok=True)
    sync_folder(file.parent)
    return known[name]


def in_stopped_country(settings: Settings) -> pl.Expr:
    """Whether people of `country` are stopped, by the setting `default_region` where it is not known."""
    return _home(settings).is_in([each.name for each in stopped(settings, "country")])


def excluded_by_stops(settings: Settings, people: pl.DataFrame) -> pl.DataFrame:
    """`schemas.EXCLUSIONS` of those of some people (`customer_id, brand, country`) whose country is stopped."""
    found = people.filter(in_stopped_country(settings))
    nothing = {name: pl.lit(None, EXCLUSIONS[name]) for name in EXCLUSIONS if name not in found.columns}
    return found.with_columns(**nothing | {"detail": pl.lit(STOP_OF) + _home(settings)}).select(EXCLUSIONS.names())


def _home(settings: Settings) -> pl.Expr:
    country = pl.col("country").str.strip_chars().str.to_uppercase().replace("", None)
    return country.fill_null(settings.default_region or "")


def _read(settings: Settings, kind: Kind) -> list[Stop]:
    found = []
    for file in sorted(settings.folder(*_FOLDERS[kind]).glob("*.json")):
        try:
            told = json.loads(file.read_bytes())
            found.append(Stop(kind, file.stem, datetime.fromisoformat(told["since"]), str(told["why"])))
        except FileNotFoundError:  # somebody has ended it meanwhile
            continue
        except (ValueError, KeyError, TypeError):
            what = f"this file does not say since when {called(kind, file.stem)} is stopped, and why"
            again = _command("stop", kind, file.stem) if kind != "product" else f"justenough pause {file.stem}"
            raise StateError(file, what, f"look at it, then remove this file, or stop it anew: {again}") from None
    return found


def _file(settings: Settings, kind: Kind, name: str) -> Path:
    return settings.folder(*_FOLDERS[kind], f"{name}.json")


def _command(verb: str, kind: Kind, name: str) -> str:
    return f"justenough {verb}" if kind == EVERYTHING else f"justenough {verb} --{kind} {name}"
