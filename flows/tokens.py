r"""What the links of one recipient say, signed: `verify` is all that a preference centre calls.

A token is a letter, for what the link is about, and 44 letters of base64url: the 16 bytes of the `message_id`, and the first 17
of HMAC-SHA256(key, "<letter>\x1f<message_id in hexadecimal>"). It names nobody; the ledger knows whose message it was. The key
is the brand's own (`justenough link-key`): with it links can be read and made, and nothing can be told of who is a customer.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass

from flows.errors import LinkError, SettingError

UNIT_SEPARATOR = "\x1f"
MAC_BYTES = 17
"""No fewer than half of the hash's (RFC 2104, §5); with the id's 16 nothing has to be filled up in base64."""
ID_DIGITS = 32
"""Of every keyed identifier, in hexadecimal: by them two of a billion are the same once in 10^21 times."""
MESSAGE_ID = f"[0-9a-f]{{{ID_DIGITS}}}(?:[0-9a-f]{{{ID_DIGITS}}})?"
"""What a `message_id` looks like. Messages of earlier versions had twice the digits, of which the first half counts."""
LETTERS = {"unsubscribe": "u", "preferences": "p", "helpful": "y", "unhelpful": "n"}
"""What a link is about -> the letter that its token begins with."""

_ACTIONS = {letter: action for action, letter in LETTERS.items()}
_ID_BYTES = {44: 16, 64: 32}
"""Letters of base64url behind the first one -> bytes of the `message_id` in them; 64 are of an earlier version."""
_TOKEN = re.compile(rf"([{''.join(_ACTIONS)}])([A-Za-z0-9_-]{{44}}|[A-Za-z0-9_-]{{64}})")
_KEY = re.compile(r"([^\s:]+):([0-9a-f]{64})")


@dataclass(frozen=True)
class Followed:
    """What the link says that somebody has followed.

    Attributes:
        action: unsubscribe, preferences, helpful or unhelpful.
        message_id: the message that it stood in.
    """

    action: str
    message_id: str


def verify(token: str, keys: str) -> Followed:
    """What a link is about, by the token in it.

    Args:
        token: as it stands in the address.
        keys: the text of the file that `justenough link-key BRAND FILE` wrote.

    Raises:
        LinkError: the token was cut short or changed, or is of another brand or workspace.
        SettingError: there is no key among `keys`.
    """
    secrets = [found[2] for line in keys.split() if (found := _KEY.fullmatch(line))]
    if not secrets or len(secrets) < len(keys.split()):
        raise SettingError("keys", "this is not a file of link keys", "write it anew: justenough link-key BRAND FILE")
    if found := _TOKEN.fullmatch(token):
        letter, raw = found[1], base64.urlsafe_b64decode(found[2])
        message_id, mac = raw[: _ID_BYTES[len(found[2])]].hex(), raw[_ID_BYTES[len(found[2])] :]
        said = f"{letter}{UNIT_SEPARATOR}{message_id}".encode()
        if any(hmac.compare_digest(mac, hmac.digest(key.encode(), said, "sha256")[: len(mac)]) for key in secrets):
            return Followed(_ACTIONS[letter], message_id[:ID_DIGITS])
    raise LinkError(
        "token", "this link is not whole, or is not of this brand", "say that it does not work; change nothing"
    )
