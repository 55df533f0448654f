"""Parts of a run are threads: what they share of DuckDB has to bear that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from flows.warehouse.agreement import check_agreement
from flows.warehouse.statements import parse


def test_threads_read_statements_at_the_same_time():
    texts = [f"SELECT {', '.join(f'a{n} + {m} AS b{n}' for n in range(200))} FROM t" for m in range(24)]
    trees = [parse(text, "q.sql") for text in texts]
    with ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(partial(check_agreement, text, "q.sql", tree))
            for text, tree in zip(texts, trees, strict=True)
        ]
    assert [found.result() for found in asked] == [None] * 24
