"""A whole e-mail for each row, by column: what a mail server takes and a signer (DKIM) signs as it is.

Lines end with CRLF and have at most 78 characters, but for the Message-ID and the link to unsubscribe, which is never folded
nor encoded: mail programs read it only in one piece (RFC 8058). All of it is ASCII; bodies are base64, so no relay has to
change them.
"""

from __future__ import annotations

import re
from functools import lru_cache

import css_inline
import polars as pl

from flows.words import GENERIC, MergeLanguage, Slot, pieces

_EOL = "\r\n"
_LINE = 76  # Source: RFC 2045 §6.8, of base64

_PLAIN = r"^[!-~]([ -~]{0,58}[!-~])?$"
_ENCODED = "=?"  # how an encoded word begins
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # no characters, so no word has them
_MARK = re.compile(f"{_OPEN}(\\w+){_CLOSE}")
_MARKED = MergeLanguage(lambda slot: f"{_OPEN}{slot.name}{_CLOSE}", lambda text, *_: text)
_BYTES = 36
"""Of an encoded word: so that a header's name, too, fits the 76 characters of its line. Source: RFC 2047 §2."""


def message() -> pl.Expr:
    """The message of a row.

    Of the columns `sender_name, sender_email, reply_to, address, subject, text, html, message_id, valid_from` (UTC) and
    `unsubscribe_url`, without which there is no header to unsubscribe by. The `message_id` comes back in answers and bounces.
    """
    headers = [
        pl.concat_str(pl.lit("From: "), _mailbox()),
        pl.concat_str(pl.lit("Reply-To: <"), "reply_to", pl.lit(">")),
        pl.concat_str(pl.lit("To: <"), "address", pl.lit(">")),
        pl.concat_str(pl.lit("Subject: "), _text(pl.col("subject"))),
        pl.lit("Date: ") + pl.col("valid_from").dt.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        pl.concat_str(pl.lit("Message-ID: <"), "message_id", pl.lit("@"), _domain(), pl.lit(">")),
    ]
    leave = pl.concat_str(
        pl.lit(f"{_EOL}List-Unsubscribe: <"),
        "unsubscribe_url",
        pl.lit(f">{_EOL}List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
    ).fill_null("")
    boundary = pl.lit("=_") + pl.col("message_id").str.head(32)  # no base64 holds an underscore
    between = pl.lit(f"{_EOL}--") + boundary
    return pl.concat_str(
        pl.concat_str(headers, separator=_EOL),
        leave,
        pl.lit(f'{_EOL}MIME-Version: 1.0{_EOL}Content-Type: multipart/alternative;{_EOL} boundary="'),
        boundary,
        pl.lit(f'"{_EOL}'),
        between,
        _body(pl.col("text"), "plain"),
        between,
        _body(pl.col("html"), "html"),
        between,
        pl.lit(f"--{_EOL}"),
    )


@lru_cache(maxsize=1024)
def inlined(generic: str) -> str:
    """The HTML of a creative with its style sheet at the elements, too, for mail programs that do not read it in the head."""
    inliner = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
    done = inliner.inline(_MARKED.put(pieces(generic, is_html=True)))
    words = _MARK.split(done)
    found = [Slot(piece, is_html=True) if at % 2 else piece for at, piece in enumerate(words)]
    return GENERIC.put([piece for piece in found if piece])


def _domain() -> pl.Expr:
    return pl.col("sender_email").str.split("@").list.last().str.to_lowercase()


def _mailbox() -> pl.Expr:
    """The sender: the name in quotes, or encoded."""
    name = _one_line(pl.col("sender_name"))
    quoted = pl.concat_str(pl.lit('"'), name.str.replace_all(r'(["\\])', "\\${1}"), pl.lit('"'))
    shown = pl.when(_is_plain(name)).then(quoted).otherwise(_words(name))
    return pl.concat_str(shown, pl.lit(f"{_EOL} <"), "sender_email", pl.lit(">"))


def _text(text: pl.Expr) -> pl.Expr:
    """A header's text: as it is, or encoded where it is long, has letters beyond ASCII or looks encoded (RFC 2047)."""
    line = _one_line(text)
    return pl.when(_is_plain(line)).then(line).otherwise(_words(line))


def _one_line(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(r"[\p{Cc}\p{Zl}\p{Zp}]+", " ")


def _is_plain(line: pl.Expr) -> pl.Expr:
    return line.str.contains(_PLAIN) & ~line.str.contains(_ENCODED, literal=True)


def _words(line: pl.Expr) -> pl.Expr:
    """A text as one encoded word, or as several of whole characters, which readers put together again."""
    pieces = line.str.extract_all(f".{{1,{_BYTES // 4}}}")  # no character has more than four bytes
    many = pieces.list.eval(_word(pl.element())).list.join(f"{_EOL} ")
    return pl.when(line.str.len_bytes() <= _BYTES).then(_word(line)).otherwise(many)


def _word(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit("=?utf-8?b?"), text.str.encode("base64"), pl.lit("?="))


def _body(text: pl.Expr, kind: str) -> pl.Expr:
    head = f"{_EOL}Content-Type: text/{kind}; charset=utf-8{_EOL}Content-Transfer-Encoding: base64{_EOL}{_EOL}"
    coded = text.str.replace_all(r"\r\n|\r|\n", _EOL).str.encode("base64")
    lines = coded.str.replace_all(f"(.{{{_LINE}}})", f"${{1}}{_EOL}").str.strip_chars_end(_EOL)
    return pl.lit(head) + lines
