"""Good e-mails pass, with all that mail programs ask of their authors; a value may stand wherever it is text."""

from __future__ import annotations

import pytest

from flows.markup.reading import tokens
from flows.markup.safety import unsafe
from flows.words import IDENTITY, VALUE

HOSTS = {"shop.example.com", "img.example.com"}
GOOD = {
    "a table for Outlook": (
        '<!--[if mso]><table role="presentation" width="600"><tr><td><![endif]-->'
        '<table role="presentation" width="100%" style="max-width:600px" bgcolor="#fff"><tr><td>x</td></tr></table>'
        "<!--[if mso]></td></tr></table><![endif]-->"
    ),
    "a button of Outlook": (
        '<!--[if mso]><v:roundrect xmlns:v="urn:schemas-microsoft-com:vml" href="https://shop.example.com/a" arcsize="10%">'
        "<w:anchorlock/><center>x</center></v:roundrect><![endif]-->"
        '<!--[if !mso]><!--><a href="https://shop.example.com/a">x</a><!--<![endif]-->'
    ),
    "settings of Office": "<!--[if mso]><xml><o:PixelsPerInch>96</o:PixelsPerInch></xml><style>p{font:x}</style><![endif]-->",
    "a picture": '<img src="https://img.example.com/a.png?w=2&amp;h=3" alt="A tent" width="600" height="300">',
    "a link with a query and a mark": '<a href="https://shop.example.com/a/b.html?utm_source=mail&amp;x=%20#top" title="x">x</a>',
    "an address to write to": '<a href="mailto:help@shop.example.com">x</a> <a href="tel:+49-761-1234">x</a>',
    "a host in capitals": '<a href="https://SHOP.example.com">x</a>',
    "a value in text": f"<p>Hello {VALUE}, <b>{VALUE}</b></p>",
    "a value in a quoted attribute": f"<p title=\"{VALUE}\" class='{VALUE}'>x</p>",
    "a value in an alt text": f'<img src="https://img.example.com/a.png" alt="{VALUE}">',
    "a style without values": '<td style="background:#17593f url(https://img.example.com/a.png); color:#fff">x</td>',
    "a flag without a value": "<td nowrap>x</td>",
    "the brand's own address": f'<a href="{IDENTITY}">x</a><a href="{IDENTITY}/help">x</a><img src="{IDENTITY}" alt="">',
    "writing from right to left": '<p dir="rtl" lang="ar">\u0645\u0631\u062d\u0628\u0627 <bdi>Alpine 3</bdi></p>',
    "comparisons as entities": "<p>5 &lt; 6 &gt; 4 &amp; more</p>",
    "a comment": "<!-- the winter shop -->",
}


def told(html: str, *, is_document: bool = False) -> list[str]:
    return [complaint.what for complaint in unsafe(tokens(html), HOSTS, is_document=is_document)]


@pytest.mark.parametrize("html", GOOD.values(), ids=GOOD.keys())
def test_good_html_passes(html):
    assert told(html) == []


def test_a_document_may_hold_what_words_may_not():
    html = (
        '<!doctype html><html lang="en"><head><meta http-equiv="X-UA-Compatible" content="IE=edge"><title>x</title>'
        "<style>p { color: #000 } @media (prefers-color-scheme: dark) { a > b { color: #fff } }</style></head>"
        "<body>x</body></html>"
    )
    assert told(html, is_document=True) == []
    refused = [f"<{name}> may not stand in a message" for name in ("html", "head", "meta", "title", "style", "body")]
    assert told(html) == refused


@pytest.mark.parametrize(
    ("html", "what"),
    [
        (
            "<!--[if mso]><v:rect onclick='x'></v:rect><![endif]-->",
            "the attribute 'onclick' may not stand in a message",
        ),
        ("<!--[if mso]><style>@import 'x'</style><![endif]-->", "'@import' may not stand in a style"),
        (
            "<!--[if mso]><a href='https://evil.example.org'>x</a><![endif]-->",
            "the href of <a> leads to evil.example.org",
        ),
        ("<v:rect>x</v:rect>", "<v:rect> may not stand in a message"),
        (f'<a href="{IDENTITY}" style="color:{IDENTITY}">x</a>', "a value is printed inside a style"),
        (f'<a href="https://{IDENTITY}.example.org/">x</a>', "the href of <a> leads to x.example.org"),
        (f'<a href="javascript:{IDENTITY}">x</a>', "the href of <a> is no plain https address"),
        ('<td background="https://evil.example.org/a.png">x</td>', "the background of <td> leads to evil.example.org"),
        ('<a href="mailto:x@evil.example.org">x</a>', "the href of <a> is no plain https address"),
        (
            '<a href="mailto:help@shop.example.com?bcc=x@evil.example.org">x</a>',
            "the href of <a> is no plain https address",
        ),
        ("<p style=\"background: image-set('https://evil.example.org/a.png' 1x)\">x</p>", "'image-set' may not stand"),
        ('<p is="x-y">x</p>', "the attribute 'is' may not stand in a message"),
    ],
)
def test_what_looks_like_it_does_not(html, what):
    (found,) = told(html)
    assert found.startswith(what)
