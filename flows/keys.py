"""The workspace's secret key, keyed identifiers, and the draws of arms.

Source: CONTRACTS, Keys. Every identifier that leaves or stays is HMAC-SHA256 under the secret, its inputs joined by the unit
separator, so that nobody without the key can tell whether a known customer is in a ledger.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import polars as pl
import polars_hash  # noqa: F401  (registers the `chash` namespace on expressions)

from flows.durable import write_bytes
from flows.errors import SettingError
from flows.tokens import ID_DIGITS, LETTERS, MAC_BYTES, UNIT_SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Arm = TypeVar("Arm", str, int)


@dataclass(frozen=True, repr=False)
class Key:
    """A secret with an id that may be shown. The secret never is: not in logs, not in `repr`."""

    key_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key({self.key_id})"

    def of(self, *inputs: pl.Expr | str, only: pl.Expr | None = None) -> pl.Expr:
        """The first 128 bits of HMAC-SHA256 of the inputs, as hexadecimal digits. Strings are literals; null inputs count as ''.

        Where `only` does not hold it is null, and takes no time.
        """
        return self._whole(*inputs, only=only).str.head(ID_DIGITS)

    def _whole(self, *inputs: pl.Expr | str, only: pl.Expr | None = None) -> pl.Expr:
        parts = [pl.lit(value) if isinstance(value, str) else value.fill_null("") for value in inputs]
        joined = pl.concat_str(parts, separator=UNIT_SEPARATOR)
        joined = joined if only is None else pl.when(only).then(joined)
        hashed: pl.Expr = joined.chash.hmac_sha256(key=self.secret)  # type: ignore[attr-defined]
        return hashed

    def seal(self, said: Mapping[str, object]) -> str:
        """What proves that something was written under this key: HMAC-SHA512 of it, so that no identifier can pass for it."""
        return hmac.digest(self.secret.encode(), json.dumps(said, sort_keys=True, default=str).encode(), "sha512").hex()

    def for_links(self, workspace: str, brand: str) -> Key:
        """What signs a brand's links. It can be handed out: nothing leads back from it, or to what else is made of this key."""
        about = f"{workspace}{UNIT_SEPARATOR}{brand}".encode()
        return Key(self.key_id, hmac.new(f"links{UNIT_SEPARATOR}{self.secret}".encode(), about, "sha256").hexdigest())

    def token(self, action: str, message_id: pl.Expr) -> pl.Expr:
        """What stands in a link (see `flows.tokens`), for a key that `for_links` made; null where there is no message."""
        letter = LETTERS[action]
        mac = self._whole(letter, message_id, only=message_id.is_not_null()).str.head(2 * MAC_BYTES)
        signed = pl.concat_str(message_id, mac)
        text = signed.str.decode("hex").bin.encode("base64")
        return pl.lit(letter) + text.str.replace_all("+", "-", literal=True).str.replace_all("/", "_", literal=True)


def load_key(path: Path) -> Key:
    """The key in use: the first of `load_keys`. Raises as it does."""
    return load_keys(path)[0]


def load_keys(path: Path) -> tuple[Key, ...]:
    """Read the key file, or create it (0600) on the first run: the key in use, then those whose place it took, the latest first.

    Each line is `<key id>:<64 hexadecimal digits>`.

    Raises:
        SettingError: the file is not a key file, or others may read it.
    """
    if not path.exists():
        write_bytes(path, _new_line().encode())
    if path.stat().st_mode & 0o077:
        raise SettingError(path, "others may read the key file", f"run: chmod 600 {path.name}")
    text = path.read_text(encoding="ascii", errors="replace") if path.is_file() else ""  # a pipe would be waited for
    lines = text.strip().split("\n")
    keys = [Key(key_id, secret) for key_id, _, secret in (line.strip().partition(":") for line in lines)]
    if any(not key.key_id or len(key.secret) != 64 or set(key.secret) - set("0123456789abcdef") for key in keys):
        raise SettingError(path, "this is not a key file", "restore it from your backup; do not make a new one by hand")
    return tuple(keys)


def rotate_key(path: Path) -> Key:
    """Put a new key in the place of the one in use, which is kept below it, and return the new one. Raises as `load_keys`."""
    load_keys(path)
    write_bytes(path, _new_line().encode() + path.read_bytes())
    return load_key(path)


def recognised(rows: pl.DataFrame, column: str, ids: pl.Series, keys: Sequence[Key]) -> pl.DataFrame:
    """Rows with what was made of some ids under a retired key as it is under the one in use; everything else as it was.

    Args:
        rows: with `column`, a key that is an HMAC of an id alone.
        column: its name.
        ids: of the people, or subjects, that are looked for.
        keys: as `load_keys` yields them.
    """
    if len(keys) == 1:
        return rows
    named = pl.DataFrame({"id": ids.unique()}).drop_nulls()
    for retired in keys[1:]:
        known = named.select(retired.of(pl.col("id")).alias(column), _present=keys[0].of(pl.col("id")))
        rows = rows.join(known, on=column, how="left", maintain_order="left")
        rows = rows.with_columns(pl.coalesce("_present", column).alias(column)).drop("_present")
    return rows


def _new_line() -> str:
    return f"{secrets.token_hex(4)}:{secrets.token_hex(32)}\n"


def draw(salt: str, identity: pl.Expr) -> pl.Expr:
    """A number in [0, 1) for each identity, the same in Polars, DuckDB, Python and JavaScript.

    Source: statistics.md §4: the first 13 hexadecimal digits of SHA-256(salt ":" id), divided by 2^52; exact in a double.
    """
    salted = pl.concat_str(pl.lit(f"{salt}:"), identity)
    digest: pl.Expr = salted.chash.sha2_256()  # type: ignore[attr-defined]
    return digest.str.slice(0, 13).str.to_integer(base=16) / 2**52


def drawn(shares: Mapping[Arm, float], u: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """The arm in whose stretch of [0, 1) a draw falls, and that stretch's length; arms lie in their order there."""
    arms = sorted(shares)
    arm, share = pl.lit(arms[-1]), pl.lit(shares[arms[-1]])
    upper = sum(shares[other] for other in arms[:-1])
    for other in reversed(arms[:-1]):
        arm = pl.when(u < upper).then(pl.lit(other)).otherwise(arm)
        share = pl.when(u < upper).then(pl.lit(shares[other])).otherwise(share)
        upper -= shares[other]
    return arm, share
