"""Words that people sign before a product speaks them: the legal department, the brand, the market, whoever the settings name."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import polars as pl

from flows.keys import load_keys
from flows.ledger.approvals import approvals
from flows.ledger.store import open_ledger
from flows.wording import layout_of, listed_words, speaks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.ledger.approvals import Approval
    from flows.ledger.store import Ledger
    from flows.plan import Plan
    from flows.product import Product
    from flows.workspace import Workspace

Unsigned = dict[str, dict[str, str]]
"""Product -> language that it does not speak as long as somebody has not signed -> who, and what has changed since."""


def languages(workspace: Workspace, product: Product) -> list[str]:
    """The languages that a product has words in, and is to speak one day."""
    default = workspace.settings.locale
    return sorted({key.locale or default for key in listed_words(product, workspace.words[product.name], default)})


def parts_of_words(workspace: Workspace, product: Product, language: str) -> dict[str, str]:
    """What a product's messages in a language are made of: name -> SHA-256.

    The template files with the macros that they use, the layouts around them, what the button says, and where it leads.
    """
    default, action = workspace.settings.locale, product.help.action
    found = {}
    for key, words in workspace.words[product.name].items():
        if (key.locale or default) == language:
            found[key.file] = words.digest
            found["the button"] = hashlib.sha256(f"{action.label_in(key.locale)}\x1f{action.url}".encode()).hexdigest()
            if (layout := layout_of(workspace.layouts, key)) is not None:
                found[layout.name] = layout.digest
    return found


def digest_of_words(parts: Mapping[str, str]) -> str:
    """One SHA-256 over what words are made of."""
    return hashlib.sha256("\x1e".join(f"{name}\x1f{parts[name]}" for name in sorted(parts)).encode()).hexdigest()


def unsigned(ledger: Ledger, workspace: Workspace, also: str | None = None) -> Unsigned:
    """What live products do not say yet, since somebody has not signed it; nothing where nobody has to.

    Args:
        ledger: open.
        workspace: gives products and words.
        also: a product that is looked at though it may not be live yet.
    """
    settings = workspace.settings
    roles, keys = settings.approval.wording, load_keys(settings.key_file)
    found: Unsigned = {}
    asked = [product for product in workspace.products.values() if product.status == "live" or product.name == also]
    for product in asked if roles else ():
        signed = approvals(ledger, keys, "words", product.name)
        for language in languages(workspace, product):
            parts = parts_of_words(workspace, product, language)
            mine = [row for row in signed if row.locale == language]
            good = {row.role for row in mine if row.digest == digest_of_words(parts) and _may(row, roles)}
            if missing := [role for role in roles if role not in good]:
                found.setdefault(product.name, {})[language] = _told(missing, mine, parts)
    return found


def unsigned_now(workspace: Workspace) -> Unsigned:
    """As `unsigned`; the ledger is not opened where nobody has to sign."""
    if not workspace.settings.approval.wording:
        return {}
    with open_ledger(workspace.settings) as ledger:
        return unsigned(ledger, workspace)


def in_unsigned_words(workspace: Workspace, plan: Plan, rows: pl.DataFrame, silent: Unsigned) -> pl.DataFrame:
    """`message_id, reason` of messages that would say what is not signed: LOCALE_MISMATCH.

    Args:
        workspace: gives products and words.
        plan: of which they are.
        rows: `message_id, product` and, of what says something, `locale`.
        silent: as `unsigned` tells.
    """
    found = [pl.DataFrame(schema={"message_id": pl.String, "reason": pl.String})]
    for name in silent if "locale" in rows.columns else ():
        mine = rows.filter(pl.col("product") == name)
        product, words, default = workspace.products[name], workspace.words[name], workspace.settings.locale
        told = [
            locale
            for locale in mine["locale"].unique()
            if not speaks(product, words, locale, default, plan.order.as_of, silent[name])
        ]
        strange = mine.filter(pl.col("locale").is_in(told, nulls_equal=True))
        found.append(strange.select("message_id", reason=pl.lit("LOCALE_MISMATCH")))
    return pl.concat(found)


def _may(row: Approval, roles: Mapping[str, tuple[str, ...]]) -> bool:
    return row.approver in roles.get(row.role or "", ())


def _told(missing: list[str], signed: list[Approval], parts: Mapping[str, str]) -> str:
    """Who has not signed; and what has changed since the words were signed last."""
    who = f"{' and '.join(missing)} {'has' if len(missing) == 1 else 'have'} not signed its words"
    last = next((row.parts for row in reversed(signed) if row.role in missing), None)
    changed = sorted(name for name in {*parts, *(last or {})} if last and last.get(name) != parts.get(name))
    return who + (f", of which {', '.join(changed)} changed since they were" if changed else "")
