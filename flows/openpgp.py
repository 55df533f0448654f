"""Files that only the platform can read: OpenPGP, by Sequoia's library, which is an extra."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from flows.clock import present
from flows.errors import SettingError

if TYPE_CHECKING:
    from pathlib import Path

    import pysequoia

_HINT = "ask the platform for its public key, and put it there"


def encrypted(content: bytes, certificate: Path) -> bytes:
    """What the holder of a certificate's private key can read: an OpenPGP message in binary.

    Raises:
        SettingError: as `check_certificate`.
    """
    import pysequoia

    return bytes(pysequoia.encrypt(recipients=[_read(certificate, str(certificate))], bytes=content, armor=False))


def check_certificate(certificate: Path, where: str) -> None:
    """Refuse a certificate that nothing can be encrypted to.

    Raises:
        SettingError: the library is not installed; the file is missing, no certificate, has run out or been revoked, cannot
            be encrypted to, or holds a private key.
    """
    if find_spec("pysequoia") is None:
        raise SettingError(where, "OpenPGP needs pysequoia", "pip install 'justenough[pgp]'")
    import pysequoia

    found = _read(certificate, where)
    if found.has_secret_keys:
        hint = "take it away from here, and put its public half there: gpg --export KEY"
        raise SettingError(where, f"there is a private key in {certificate.name}", hint)
    if found.is_revoked or (found.expiration is not None and found.expiration <= present()):
        raise SettingError(where, f"the key in {certificate.name} has run out, or was taken back", _HINT)
    try:
        pysequoia.encrypt(recipients=[found], bytes=b"", armor=False)
    except Exception as error:  # noqa: BLE001 - the library has no kinds of its own
        raise SettingError(
            where, f"nothing can be encrypted to the key in {certificate.name} ({error})", _HINT
        ) from None


def _read(certificate: Path, where: str) -> pysequoia.Cert:
    import pysequoia

    try:
        return pysequoia.Cert.from_bytes(certificate.read_bytes())
    except OSError as error:
        raise SettingError(where, f"{certificate.name} cannot be read ({error.strerror})", _HINT) from None
    except Exception:  # noqa: BLE001 - the library has no kinds of its own
        raise SettingError(where, f"there is no OpenPGP key in {certificate.name}", _HINT) from None
