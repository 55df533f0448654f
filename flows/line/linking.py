"""The links of recipients from outside: the keys that a preference centre reads them with, and what one of them says."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from flows.durable import write_bytes
from flows.errors import LinkError, UsageError, nearest
from flows.keys import load_keys
from flows.tokens import Followed, verify

if TYPE_CHECKING:
    from pathlib import Path

    from flows.settings import Settings


@dataclass(frozen=True)
class OfBrand(Followed):
    """A link, and the brand whose message it stood in."""

    brand: str


def write_link_keys(settings: Settings, brand: str, file: Path) -> int:
    """Write what a brand's links are read with, readable by its user alone; returns how many keys that are.

    Links that were made under a retired key stay good.

    Raises:
        UsageError: there is no such brand.
        SettingError: the key file cannot be read.
    """
    if brand not in settings.brands:
        raise UsageError("BRAND", f"'{brand}' is no brand of this workspace", nearest(brand, settings.brands))
    keys = _keys(settings, brand)
    write_bytes(file, keys.encode())
    return keys.count("\n")


def read_link(settings: Settings, token: str) -> OfBrand:
    """What a link of any brand says.

    Raises:
        LinkError: none of them made it.
        SettingError: the key file cannot be read.
    """
    for brand in settings.brands:
        with suppress(LinkError):
            return OfBrand(**asdict(verify(token, _keys(settings, brand))), brand=brand)
    what = "this link is not whole, or is of no brand of this workspace"
    raise LinkError("TOKEN", what, "copy what stands in the address in the place of {token}")


def _keys(settings: Settings, brand: str) -> str:
    signing = (key.for_links(settings.name, brand) for key in load_keys(settings.key_file))
    return "".join(f"{key.key_id}:{key.secret}\n" for key in signing)
