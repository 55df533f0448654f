"""Products that say nothing until a person has looked: a file for each in the state folder, whatever product.yaml says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from flows.clock import present
from flows.durable import sync_folder, write_bytes
from flows.errors import StateError, UsageError, nearest

if TYPE_CHECKING:
    from flows.settings import Settings

_FOLDER, _ENDED = "paused", "resumed"


@dataclass(frozen=True)
class Pause:
    """A product that is paused.

    Attributes:
        product: its name.
        since: UTC instant.
        why: what a person should look at; nothing of a customer.
    """

    product: str
    since: datetime
    why: str


def paused(settings: Settings) -> dict[str, Pause]:
    """The products that are paused, by name. Raises StateError where a file is not as it was written."""
    found = {}
    for file in sorted(settings.folder(_FOLDER).glob("*.json")):
        try:
            told = json.loads(file.read_bytes())
            found[file.stem] = Pause(file.stem, datetime.fromisoformat(told["since"]), str(told["why"]))
        except FileNotFoundError:  # somebody has ended it meanwhile
            continue
        except (ValueError, KeyError, TypeError):
            hint = f"look at the product, then remove this file, or pause it anew: justenough pause {file.stem}"
            raise StateError(file, "this file does not say since when a product is paused, and why", hint) from None
    return found


def pause(settings: Settings, product: str, why: str, at: datetime) -> Pause:
    """Have a product say nothing from now on; one that is paused already keeps its reason.

    What is being delivered is sealed no more, and no plan that was made before is delivered.
    """
    known = paused(settings).get(product)
    if known is not None:
        return known
    write_bytes(settings.folder(_FOLDER, f"{product}.json"), json.dumps({"since": at.isoformat(), "why": why}).encode())
    return Pause(product, at, why)


def resume(settings: Settings, product: str) -> Pause:
    """End a pause, and return it. It is noted when: what was seen before no longer pauses the product by itself.

    Raises:
        UsageError: the product is not paused.
    """
    known = paused(settings)
    if product not in known:
        raise UsageError("justenough resume", f"'{product}' is not paused", nearest(product, known))
    write_bytes(settings.folder(_ENDED, f"{product}.json"), json.dumps({"at": present().isoformat()}).encode())
    file = settings.folder(_FOLDER, f"{product}.json")
    file.unlink(missing_ok=True)
    sync_folder(file.parent)
    return known[product]


def resumed(settings: Settings, product: str) -> datetime | None:
    """When a person let a product speak again last; None: nobody ever did, or what was noted cannot be read."""
    try:
        return datetime.fromisoformat(json.loads(settings.folder(_ENDED, f"{product}.json").read_bytes())["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
