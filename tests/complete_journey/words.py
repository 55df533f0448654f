"""What each message has to say, by the facts that the other count allows it: written from what the products promise to say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

GREETS = {"running_low": "what you buy", "coupon_ending": "what we sent", "missed_category": "shelves move"}
BRAND, STOP, SITE = "Fairfield Market: ", " Reply STOP to end", "https://www.fairfield.example.com"


def subject(own: Mapping[str, Any]) -> str:
    item, count, ends_on = own["item"], own["coupon_count"], own["ends_on"]
    if own["product"] == "coupon_ending":
        return f"Your {_coupons(count, item)} {'ends' if count == 1 else 'end'} on {day(ends_on)}"
    if own["product"] == "missed_category":
        return f"Looking for {item}?" if item else "Not finding something on our shelves?"
    return f"Enough {item} at home?" if item else "Before your next shop: a look in the cupboard"


def body(own: Mapping[str, Any]) -> list[str]:
    """Sentences of an e-mail that depend on who reads it."""
    item, weeks = own["item"], own["every_weeks"]
    rhythm = {None: None, 1: "once a week"}.get(weeks, f"every {weeks} weeks or so")
    if own["product"] == "coupon_ending":
        waits = f"We sent you {'a ' if own['coupon_count'] == 1 else ''}{_coupons(own['coupon_count'], item)}. "
        until = f" to be used, until {own['ends_on']:%A}, {day(own['ends_on'])}."
        return [waits, until, *([f"You buy some {'about ' if weeks == 1 else ''}{rhythm}"] if weeks else [])]
    if own["product"] == "missed_category":
        went = f"For a while {item} went into your basket {'about ' if weeks == 1 else ''}{rhythm}, and lately no more."
        return [went if item else "If something that you used to buy is hard to find, this may help."]
    due = f"By your usual rhythm, {rhythm}, it is time for {item} again."
    return [due if item else "Something that you buy regularly may be about to run low."]


def text_message(own: Mapping[str, Any]) -> str:
    item = own["item"]
    if own["product"] == "coupon_ending":
        said, path = f"{subject(own)}. See:", "/coupons"
    elif own["product"] == "missed_category":
        asked = f"Looking for {item}?" if item else "Not finding something?"
        said, path = f"{asked} Where it is now, and what comes close:", "/aisles"
    else:
        asked = f"Enough {item} at home? It tends to run low about now."
        said, path = f"{asked if item else 'A look in the cupboard now can save a second trip.'} Your list:", "/list"
    return f"{BRAND}{said} {SITE}{path}{STOP}"


def headline(own: Mapping[str, Any]) -> str:
    item = own["item"]
    if own["product"] == "coupon_ending":
        count = own["coupon_count"]
        return f"{'A ' if count == 1 else ''}{_coupons(count, item)}, until {day(own['ends_on'])}"
    if own["product"] == "missed_category":
        return f"Looking for {item}?" if item else "Not finding something?"
    return f"Enough {item} at home?" if item else "One look now, one trip fewer"


def opening(own: Mapping[str, Any]) -> str:
    """How a profile's text begins."""
    said = GREETS[own["product"]]
    return f"{own['first_name']}, {said}" if own["first_name"] else said.capitalize()


def day(value: date) -> str:
    return f"{value:%B} {value.day}"


def _coupons(count: int, item: str) -> str:
    return f"coupon for {item}" if count == 1 else f"{count} coupons for {item}"
