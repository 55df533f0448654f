"""A single mail to a mail server, which takes it further: encrypted where the server offers it."""

from __future__ import annotations

import smtplib
import ssl

from flows.errors import TransportError, UsageError

SECONDS = 30
"""How long a server may take for an answer."""


def hand_over(server: str, sender: str, to: str, content: bytes) -> None:
    """Hand a mail to a server, by SMTP.

    Args:
        server: `host:port`.
        sender: of the envelope.
        to: the recipient.
        content: the whole message, with CRLF.

    Raises:
        UsageError: the server is not written so.
        TransportError: it does not answer, or does not take the mail.
    """
    host, _, port = server.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise UsageError("--smtp", f"'{server}' is no server", "write it as in localhost:1025")
    try:
        with smtplib.SMTP(host.strip("[]"), int(port), timeout=SECONDS) as client:
            client.ehlo()
            if client.has_extn("starttls"):
                client.starttls(context=ssl.create_default_context())
                client.ehlo()
            client.sendmail(sender, [to], content)
    except smtplib.SMTPRecipientsRefused as refused:
        codes = ", ".join(str(code) for code, _ in refused.recipients.values())  # its text may hold the address
        raise TransportError(server, f"the server refuses the recipient ({codes})", "look at its log") from None
    except smtplib.SMTPResponseException as refused:
        raise TransportError(server, f"the server refuses it ({refused.smtp_code})", "look at its log") from None
    except (OSError, smtplib.SMTPException) as problem:
        why = getattr(problem, "strerror", None) or type(problem).__name__
        raise TransportError(server, f"no mail could be handed over ({why})", "look at the server") from None
