"""HTML is read as every mail program reads it, or not at all."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from flows.line.trying import try_words
from flows.markup.reading import Comment, Complaint, Tag, Text, document, tokens
from flows.workspace import load_workspace
from tests.house.tree import ROOT


class Theirs(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[object, ...]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append(("start", tag, dict(attrs)))

    def handle_endtag(self, tag):
        self.seen.append(("end", tag))

    def handle_data(self, data):
        last = self.seen[-1] if self.seen else ()
        if last and last[0] == "text":
            self.seen[-1] = ("text", f"{last[1]}{data}")
        else:
            self.seen.append(("text", data))

    def handle_comment(self, data):
        self.seen.append(("comment", data))


def ours(html: str) -> list[tuple[object, ...]]:
    seen: list[tuple[object, ...]] = []
    for token in tokens(html):
        assert not isinstance(token, Complaint), token
        if isinstance(token, Tag):
            seen.append(("end", token.name) if token.is_end else ("start", token.name, dict(token.attributes)))
        elif isinstance(token, Text):
            seen.append(("text", token.text))
        elif token.text:
            seen.append(("comment", token.text))
    return seen


@pytest.mark.oracle
def test_the_samples_e_mails_are_read_as_pythons_parser_reads_them():
    texts = {text for tried in try_words(load_workspace(ROOT)) for text in tried.texts.get("html", ())}
    assert len(texts) > 20
    for text in texts:
        assert ours(text) == Theirs(text).seen


def test_tags_attributes_texts_and_comments_are_told_apart():
    html = """<!doctype html><P Class='a "b"' hidden title="&lt;1 > 0&amp;">x &amp; y<br/><!-- z --></P >"""
    assert list(tokens(html)) == [
        Comment("", "<!doctype html>"),
        Tag(
            "p",
            {"class": 'a "b"', "hidden": None, "title": "<1 > 0&"},
            is_end=False,
            raw="""<P Class='a "b"' hidden title="&lt;1 > 0&amp;">""",
        ),
        Text("x & y", "x &amp; y"),
        Tag("br", {}, is_end=False, raw="<br/>"),
        Comment(" z ", "<!-- z -->"),
        Tag("p", {}, is_end=True, raw="</P >"),
    ]


@pytest.mark.parametrize(
    ("html", "what"),
    [
        ("a < b", "a < stands here that begins no tag"),
        ("<?php 1 ?>", "a < stands here that begins no tag"),
        ("<![CDATA[x]]>", "a < stands here that begins no tag"),
        ("<p title=x>", "the attribute 'title' is not quoted"),
        ('<p title="x" width=600>', "the attribute 'width' is not quoted"),
        ('<p title="x>', "a tag cannot be read"),
        ('<p title="x"class="y">', "a tag cannot be read"),
        ("<p", "a tag cannot be read"),
        ("</p x>", "a tag cannot be read"),
        ("<!-->x-->", "a comment does not end, or not with -->"),
        ("<!--->x-->", "a comment does not end, or not with -->"),
        ("<!--x--!>y-->", "a comment does not end, or not with -->"),
        ("<!--x", "a comment does not end, or not with -->"),
        ("<style>a<b>c</b></style>", "a tag stands inside <style>"),
        ("<title><!-- x --></title>", "a tag stands inside <title>"),
    ],
)
def test_what_programs_read_differently_is_a_complaint(html, what):
    found = list(tokens(f"<p>before</p>{html}"))
    complaint = found[-1]
    assert isinstance(complaint, Complaint)
    assert (complaint.what, bool(complaint.hint)) == (what, True)
    assert found[:-1]


@pytest.mark.parametrize(
    ("html", "what"),
    [
        ("<p>x</p>", None),
        ("<p>x<br><img src=''>", None),
        ("<ul><li>x<li>y</ul>", None),
        ("<table><tr><td>x</table>", None),
        ("<b>x", "<b> is not closed"),
        ("x</b>", "</b> closes nothing that is open"),
        ("<b><i>x</b></i>", "<i> is not closed"),
        ("<p>x</td>", "</td> closes nothing that is open"),
        ("<b>" * 101, "elements are nested too deeply"),
    ],
)
def test_elements_that_do_not_fit_into_each_other_are_a_complaint(html, what):
    found = [token for token in tokens(html) if not isinstance(token, Complaint)]
    _, misfit = document(found)
    assert (misfit.what if misfit else None) == what
