"""What a browser would see of a page: its tags, the names of their attributes, and what it says."""

from __future__ import annotations

from html.parser import HTMLParser


class Seen(HTMLParser):
    """A page, read."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: list[str] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += [name for name, _ in attributes]

    def handle_data(self, data: str) -> None:
        self.said.append(data)
