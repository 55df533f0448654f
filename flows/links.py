"""Where the links of a message lead: what is added to the action's address, and the addresses that are a recipient's own.

Neither holds anything about a person. The action's address says which words it stood in, by names that the workspace chose; the
same for all who got them. A recipient's addresses differ by a token (`flows.tokens`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

PLACEHOLDERS = ("brand", "channel", "campaign", "variant", "version")
"""What a parameter may say: the brand's and the channel's name, the product's `campaign` (else its name), the variant, and the
beginning of the words' digest, which receipts hold whole as `words_sha256`."""

PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "default": {
        "utm_source": "{brand}",
        "utm_medium": "{channel}",
        "utm_campaign": "{campaign}",
        "utm_content": "{variant}",
        "utm_id": "{version}",
    },
    "sms": {"utm_id": "{version}"},  # paid by length: the one that tells all the others, since words are of one channel
}
"""Channel, or `default` for all others -> what its addresses carry. Source: Google Analytics, URL builders, for the names."""

OF_RECIPIENTS: Mapping[str, tuple[str, str]] = {
    "unsubscribe_url": ("unsubscribe_url", "unsubscribe"),
    "preferences_url": ("preferences_url", "preferences"),
    "helpful_url": ("helpful_url", "helpful"),
    "unhelpful_url": ("helpful_url", "unhelpful"),
}
"""Reserved slot -> the brand's setting with the address, and what its token says (see `flows.tokens`)."""

_PLACEHOLDER = re.compile(rf"\{{({'|'.join(PLACEHOLDERS)})\}}")


def wrong_parameter(name: str, value: str) -> str | None:
    """What is wrong with a parameter as it is set, if anything."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*", name):
        return f"'{name}' is no name for a parameter | begin with a letter, and use letters, digits, _, . and -"
    if not value or "{" in (rest := _PLACEHOLDER.sub("", value)) or "}" in rest:
        known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
        return f"'{value}' is nothing that {name} could say | write text, with any of {known}"
    return None


def tracked(url: str, parameters: Mapping[str, str], values: Mapping[str, str]) -> str:
    """An address with parameters added to its query; what it has already stays as it is, and so does its fragment.

    Args:
        url: an address.
        parameters: name -> value with placeholders. One of which a placeholder has no value is left out, and so is one that
            the address has itself.
        values: what the placeholders stand for.
    """
    page, mark, fragment = url.partition("#")
    _, has_query, query = page.partition("?")
    taken = {name for name, _ in parse_qsl(query, keep_blank_values=True)}
    added = "&".join(
        f"{name}={quote(_PLACEHOLDER.sub(lambda found: values[found[1]], value), safe='')}"
        for name, value in parameters.items()
        if name not in taken and all(values[used] for used in _PLACEHOLDER.findall(value))
    )
    if not added:
        return url
    joint = "?" if not has_query else "" if query == "" or query.endswith("&") else "&"
    return f"{page}{joint}{added}{mark}{fragment}"


def of_recipients(brand: Mapping[str, str], *, is_marketing: bool) -> dict[str, str]:
    """Reserved slot -> the address with its placeholders, of those that a brand's messages may print.

    Service messages cannot be unsubscribed from: a person leaves their topic, if at all, in the preference centre.
    """
    settings = {
        slot: setting for slot, (setting, _) in OF_RECIPIENTS.items() if is_marketing or slot != "unsubscribe_url"
    }
    return {slot: brand[setting] for slot, setting in settings.items() if brand[setting]}
