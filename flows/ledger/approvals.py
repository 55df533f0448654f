"""Who has let what leave: every row is sealed under the workspace's key, so that one which was written by hand counts as nothing.

Beside what people have approved it holds what was delivered, by which rules tell what is new, and more than before.
"""

from __future__ import annotations

import hmac
import json
import os
import pwd
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import polars as pl

from flows.clock import present
from flows.durable import write_bytes
from flows.plan import plan_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from flows.keys import Key
    from flows.ledger.store import Ledger

Kind = Literal["plan", "words", "delivered", "reached", "frozen"]
SEAL = "plan.seal"
"""In a plan's folder: what proves that it is as it was made."""
_TEXTS = ("kind", "subject", "digest", "locale", "role", "approver", "account", "parts", "mac")
_ROW = pl.Schema({**dict.fromkeys(_TEXTS, pl.String()), "people_count": pl.Int64(), "approved_at": pl.Datetime("us")})


@dataclass(frozen=True)
class Approval:
    """Something that was let pass.

    Attributes:
        kind: plan or words, which people approve; delivered (a product's version) and reached (people of a run over everybody);
            frozen (what answers go by of such a run).
        subject: the run, or the product.
        digest: of plan.json, of the words, of all inputs of the product, or of the run's crowds.
        people_count: of a plan.
        locale: of words.
        role: in which somebody has signed.
        approver: who, as they say; nobody of what was delivered.
        account: of the operating system, under which they said so; null where an earlier version noted it.
        parts: of words: name -> digest of what they are made of; of what is frozen: brand/channel -> price.
        approved_at: UTC instant, without its zone, as the ledger has it.
    """

    kind: Kind
    subject: str
    digest: str
    people_count: int | None = None
    locale: str | None = None
    role: str | None = None
    approver: str | None = None
    account: str | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    approved_at: datetime = field(default_factory=lambda: present().replace(tzinfo=None))

    @property
    def told(self) -> dict[str, object]:
        """All of it, as it is sealed. What an earlier version noted, without accounts, was sealed without them."""
        told = {**asdict(self), "parts": json.dumps(dict(self.parts), sort_keys=True)}
        return told if self.account is not None else {name: told[name] for name in told if name != "account"}


def account() -> str:
    """The account of the operating system that this process runs under, by its number: a variable tells what anybody likes."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # as in many containers
        return str(number)


def note(ledger: Ledger, key: Key, rows: Iterable[Approval]) -> None:
    """Note what was let pass, in a transaction."""
    told = [{**row.told, "mac": key.seal(row.told)} for row in rows]
    if told:
        ledger.append("approval", pl.DataFrame(told, _ROW))


def approvals(ledger: Ledger, keys: Sequence[Key], kind: Kind, subject: str | None = None) -> list[Approval]:
    """What was let pass of a kind, the earliest first; a row that is not sealed under one of the keys is none."""
    rows = ledger.rows("SELECT * FROM approval WHERE kind = $kind ORDER BY approved_at, rowid", {"kind": kind})
    found = [
        (Approval(**{**row, "parts": _parts(row["parts"])}), mac) for row in rows.to_dicts() for mac in [row.pop("mac")]
    ]
    mine = [each for each in found if subject in (None, each[0].subject)]
    return [row for row, mac in mine if any(hmac.compare_digest(key.seal(row.told), mac or "") for key in keys)]


def carry_over(ledger: Ledger, keys: Sequence[Key], before: str, after: str) -> None:
    """Have who approved a plan have approved it less the people who were forgotten, in a transaction; by the plans' digests."""
    mine = [row for row in approvals(ledger, keys, "plan") if row.digest == before]
    note(ledger, keys[0], [replace(row, digest=after) for row in mine])


def seal_plan(folder: Path, key: Key) -> None:
    """Note in a plan's folder that it is as it was made."""
    write_bytes(folder / SEAL, key.seal({"plan": plan_digest(folder)}).encode())


def is_sealed(folder: Path, keys: Iterable[Key]) -> bool:
    """Whether a plan is as it was made: somebody who changes its files can change their digests, too, and not this."""
    file = folder / SEAL
    noted, said = file.read_bytes() if file.is_file() else b"", {"plan": plan_digest(folder)}
    return any(hmac.compare_digest(key.seal(said).encode(), noted) for key in keys)


def _parts(told: str | None) -> dict[str, str]:
    """What words were made of; nothing where it cannot be read, so that the row is none."""
    try:
        found = json.loads(told or "")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
