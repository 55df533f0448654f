"""`[tool.justenough.brands.<brand>.<country>]`: who speaks, and what the law wants said with it."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, field_validator


class Brand(BaseModel):
    """A sender's identity in one country: what the layouts wrap around the words. It counts as no customer data.

    `{token}` in an address becomes what `flows.tokens.verify` reads; `{message_id}` the message's id, unsigned.

    Attributes:
        name: of the brand, as people know it.
        sender_name: whom a mail is from.
        sender_email: the address that a mail is from.
        reply_to: the address that answers go to.
        legal_name: who is answerable, for the footer.
        postal_address: of whoever that is, on one line.
        privacy_url: where one reads what is done with data.
        unsubscribe_url: what a mail program posts to, and a page that takes the token of the recipient.
        preferences_url: the page on which people choose their topics, if there is one.
        helpful_url: the page that notes whether a message helped, if there is one.
        site_url: what the paths of actions are on.
        logo_url: of a picture above the words, if there is one.
        sms_sender: of a text message: a number, so that it can be answered.
        sms_stop_word: what people answer to get none any more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sender_name: str
    sender_email: str
    reply_to: str
    legal_name: str
    postal_address: str
    privacy_url: str
    unsubscribe_url: str
    preferences_url: str = ""
    helpful_url: str = ""
    site_url: str
    logo_url: str = ""
    sms_sender: str = ""
    sms_stop_word: str = ""

    @field_validator("sender_name")
    @classmethod
    def _is_one_line(cls, text: str) -> str:
        if "\n" in text or "\r" in text:
            raise ValueError("this goes over more than one line | write it on one")
        return text

    @field_validator("sender_email", "reply_to")
    @classmethod
    def _is_plain(cls, address: str) -> str:
        if not (address.isascii() and re.fullmatch(r"[^\s<>,;@]+@[A-Za-z0-9.-]+", address)):
            what = "this is no e-mail address that every platform takes"
            raise ValueError(
                f"{what} | write one, in plain letters, as in hello@example.com or hello@xn--bcher-kva.example"
            )
        return address

    @field_validator("privacy_url", "site_url", "unsubscribe_url", "preferences_url", "helpful_url", "logo_url")
    @classmethod
    def _is_safe(cls, url: str) -> str:
        if url and not re.fullmatch(r"https://[\w.-]+(/[^\s<>\"'`\\&]*)?", url):
            raise ValueError(
                "this is no address that may stand in a message | write it with https://, without spaces and &"
            )
        return url

    @field_validator("unsubscribe_url")
    @classmethod
    def _knows_the_message(cls, url: str) -> str:
        if "{token}" not in url and "{message_id}" not in url:
            raise ValueError("it does not say who leaves | put {token} into it")
        if not url.isascii() or "#" in url:  # Source: RFC 8058: it stands in a header, and is posted to
            raise ValueError("mail programs cannot post to this | write it in plain letters, without #")
        return url

    @field_validator("preferences_url", "helpful_url")
    @classmethod
    def _knows_the_link(cls, url: str) -> str:
        if url and "{token}" not in url:
            raise ValueError("it does not say whose message it stood in | put {token} into it")
        return url
