"""The scanner finds a person whom a test has written down on purpose: in every form, and in every place that is scanned."""

from __future__ import annotations

import base64
import binascii
import bz2
import csv
import gzip
import hashlib
import html
import io
import json
import lzma
import os
import pickle
import quopri
import signal
import sqlite3
import subprocess
import sys
import tarfile
import urllib.parse
import zipfile
import zlib
from email.message import EmailMessage
from pathlib import Path
from xml.sax import saxutils

import duckdb
import polars as pl
import pyarrow
import pytest

from flows.answering import plain
from flows.errors import DataError
from tests.canary.scanner import Scanner
from tests.canary.spelling import ID, MAIL, NAME, ORDER, PERSON, PHONE

SCANNER = Scanner()
VALUES = (ID, MAIL, PHONE, NAME, ORDER)
PADDING = "Lorem ipsum "


def mail(text: str, encoding: str) -> bytes:
    message = EmailMessage()
    message.set_content(f"{PADDING * 9}{text}{PADDING * 9}", cte=encoding)
    return bytes(message)


def row(text: str) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([1, text, 2])
    return written.getvalue()


FORMS = {
    "as it is": lambda text: f"Hello {text}!",
    "in capitals": lambda text: f"Hello {text.upper()}!",
    "in small letters": lambda text: f"Hello {text.lower()}!",
    "UTF-16 of another system": lambda text: f"Hello {text}!".encode("utf-16"),
    "UTF-16 that begins with its big end": lambda text: f"Hello {text}!".encode("utf-16-be"),
    "UTF-32": lambda text: f"Hello {text}!".encode("utf-32"),
    "a query of a link": lambda text: urllib.parse.urlencode({"to": text, "n": 1}),
    "a path of a link": lambda text: f"https://x.example.com/{urllib.parse.quote(text)}/",
    "percent of every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "JSON in ASCII": lambda text: json.dumps({"message": f"for {text}"}),
    "JSON": lambda text: json.dumps({"message": f"for {text}"}, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps({"data": json.dumps({"message": f"for {text}"})}),
    "CSV": row,
    "HTML": lambda text: f"<p>{html.escape(text)}</p>",
    "HTML in ASCII": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace"),
    "XML": lambda text: f"<a b={saxutils.quoteattr(text)}>",
    "Jinja2's HTML": lambda text: text.replace("'", "&#39;"),
    "a literal of Python": lambda text: repr({"who": text}),
    "a literal of Python in ASCII": lambda text: ascii(["n'\"", text]),
    "bytes of Python": lambda text: repr({"who": text.encode()}),
    "a literal of SQL": lambda text: "SELECT '{}'".format(text.replace("'", "''")),
    "mail": lambda text: mail(text, "quoted-printable"),
    "mail in base64": lambda text: mail(text, "base64"),
    "quoted-printable": lambda text: quopri.encodestring(text.encode()),
    "hex": lambda text: binascii.hexlify(text.encode()),
    "hex in capitals": lambda text: binascii.hexlify(f"Hello {text}!".encode()).upper(),
    "a log of an error": lambda text: str(DataError("sql/customers.sql:3", f"'{text}' is no address", "mend it")),
    "an answer in JSON": lambda text: json.dumps(plain({"customer": text}), indent=1, ensure_ascii=False),
    "a pickled error": lambda text: pickle.dumps(ValueError(text)),
    "a pickled error in base64, as Prefect keeps it": lambda text: base64.b64encode(pickle.dumps(ValueError(text))),
    "a pickled error in base64, within JSON": lambda text: json.dumps(
        {"metadata": {}, "result": base64.encodebytes(pickle.dumps(ValueError(f"{PADDING * 9}{text}"))).decode()}
    ),
    "JSON in base64": lambda text: base64.b64encode(json.dumps({"a": PADDING, "message": text}).encode()),
    **{f"base64, {n} before": lambda text, n=n: base64.b64encode(b"x" * n + text.encode() + b" end") for n in range(3)},
    **{
        f"base64 for URLs, {n} before": lambda text, n=n: base64.urlsafe_b64encode(b"?" * n + text.encode() + b"?>")
        for n in range(3)
    },
    "SHA-256": lambda text: hashlib.sha256(text.encode()).hexdigest(),
    "SHA-256 in capitals": lambda text: hashlib.sha256(text.encode()).hexdigest().upper(),
    "SHA-256 of small letters, as ad platforms want it": lambda text: hashlib.sha256(text.lower().encode()).hexdigest(),
    "SHA-256 of capitals": lambda text: hashlib.sha256(text.upper().encode()).hexdigest(),
    "SHA-256 as bytes": lambda text: b"x" + hashlib.sha256(text.encode()).digest(),
    "SHA-256 in base64": lambda text: base64.b64encode(hashlib.sha256(text.encode()).digest()),
    "SHA-256 in base64 for URLs": lambda text: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()),
}


@pytest.mark.parametrize("write", FORMS.values(), ids=FORMS)
def test_each_value_is_found_in_every_form(write):
    for name, text in PERSON.items():
        content = write(text)
        assert {hit.partition(":")[0] for hit in found_in(content)} == {name}


@pytest.mark.parametrize(
    "number", ["4915198765432", "004915198765432", "015198765432", "+49 151 98765432"], ids=lambda text: text[:4]
)
def test_a_telephone_number_is_found_however_it_is_dialled(number):
    for content in (number, hashlib.sha256(number.encode()).hexdigest(), base64.b64encode(number.encode())):
        assert {hit.partition(":")[0] for hit in found_in(content)} == {"telephone"}


def test_nobody_is_found_where_nobody_is():
    others = " ".join(text[:9] + text[10:] for text in VALUES)
    assert found_in(others) == set()
    assert found_in(base64.b64encode(others.encode())) == set()
    assert found_in(os.urandom(300_000)) == set()


def test_in_what_is_large_the_same_is_found():
    written = [write(NAME) for write in FORMS.values()]
    content = b"\n".join(each if isinstance(each, bytes) else each.encode() for each in written)
    assert len(content) < 100_000
    assert found_in(b"x" * 200_000 + b"\n" + content) == found_in(content)


def found_in(content: bytes | str) -> set[str]:
    return SCANNER.found(stream=content).get("stream", set())


# ---- packed


def archived(content: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", content)
    return held.getvalue()


def taped(content: bytes, mode: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return held.getvalue()


def zstandard(content: bytes) -> bytes:
    return pyarrow.compress(content, codec="zstd", asbytes=True)


PACKED = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard,
    "zip": archived,
    "tar": lambda content: taped(content, "w"),
    "tar in gzip": lambda content: taped(content, "w:gz"),
    "gzip in gzip in zip": lambda content: archived(gzip.compress(gzip.compress(content))),
    "zlib in base64, as a compressed result is kept": lambda content: base64.b64encode(zlib.compress(content)),
}


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_what_is_packed_is_unpacked(pack):
    content = pack(f"{PADDING * 50}{json.dumps(PERSON)}{PADDING * 50}".encode())
    assert {hit.partition(":")[0] for hit in found_in(content)} == set(PERSON)


def test_the_names_within_an_archive_are_looked_at():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(f"{MAIL}.txt", b"")
    assert found_in(base64.b64encode(held.getvalue())) != set()


def test_what_is_cut_off_is_no_error():
    for pack in PACKED.values():
        found_in(pack(MAIL.encode() * 9)[:-9])


# ---- files


def test_names_of_files_and_folders_are_looked_at(tmp_path):
    (tmp_path / MAIL).mkdir()
    (tmp_path / MAIL / f"{urllib.parse.quote(NAME)}.csv").touch()
    found = SCANNER.found(tmp_path)
    assert len(found) == 2
    assert all(what.endswith("in its name") for hits in found.values() for what in hits)


@pytest.mark.parametrize("compression", ["zstd", "snappy", "uncompressed"])
def test_a_column_of_parquet_is_read(tmp_path, compression):
    rows = {"who": [*(f"c{number:05}" for number in range(2000)), *VALUES], "n": range(2005)}
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet", compression=compression)
    assert values_in(tmp_path) == {"a.parquet": set(PERSON)}


def test_a_list_in_a_struct_in_parquet_is_read(tmp_path):
    pl.DataFrame({"a": [{"b": [f"{PADDING}{NAME}"]}] * 3}).write_parquet(tmp_path / "a.parquet")
    assert values_in(tmp_path) == {"a.parquet": {"name"}}


def test_a_table_of_duckdb_is_read_though_its_strings_are_compressed(tmp_path):
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("SET force_compression = 'dict_fsst'; CREATE TABLE held (who VARCHAR, since TIMESTAMP)")
        connection.execute(f"INSERT INTO held SELECT '{MAIL}' || i % 9, now() FROM range(20000) r(i)")
        connection.execute("CHECKPOINT")
    assert values_in(tmp_path) == {"a.duckdb": {"e-mail"}}


def test_the_log_of_a_duckdb_that_is_open_is_read(tmp_path):
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(f"CREATE TABLE held AS SELECT '{PHONE}' AS who")
        assert values_in(tmp_path)["a.duckdb.wal"] == {"telephone"}


def test_a_deleted_row_of_duckdb_is_found_in_the_bytes_of_its_file(tmp_path):
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute("SET force_compression = 'uncompressed'; CREATE TABLE held (who VARCHAR)")
        connection.execute(f"INSERT INTO held SELECT 'c' || i FROM range(50000) r(i) UNION ALL SELECT '{MAIL}'")
        connection.execute(f"CHECKPOINT; DELETE FROM held WHERE who = '{MAIL}'; CHECKPOINT")
        assert connection.execute(f"SELECT count(*) FROM held WHERE who = '{MAIL}'").fetchall() == [(0,)]
    assert values_in(tmp_path) == {"a.duckdb": {"e-mail"}}


@pytest.mark.parametrize("packed", [False, True])
def test_a_row_of_sqlite_is_read_where_it_is_in_the_log_alone(tmp_path, packed):
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute("CREATE TABLE log (message)")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    told = f"{PADDING * 500}for {NAME}"
    connection.execute("INSERT INTO log VALUES (?)", [gzip.compress(told.encode()) if packed else told])
    connection.commit()
    found = values_in(tmp_path)
    connection.close()
    assert found["a.db"] == {"name"}
    assert packed or found["a.db-wal"] == {"name"}


def test_a_deleted_row_of_sqlite_is_found_in_a_free_page(tmp_path):
    connection = sqlite3.connect(tmp_path / "a.db")
    connection.executescript(
        f"PRAGMA secure_delete = off; CREATE TABLE log (message); INSERT INTO log VALUES ('{MAIL}'); DELETE FROM log;"
    )
    connection.close()
    assert values_in(tmp_path) == {"a.db": {"e-mail"}}


def test_what_duckdb_spills_is_found(tmp_path):
    spill = tmp_path / "spill"
    with duckdb.connect() as connection:
        connection.execute(f"SET temp_directory = '{spill}'; SET memory_limit = '10MB'; SET threads = 1")
        connection.execute(f"CREATE TABLE held AS SELECT '{MAIL}' || md5(i::VARCHAR) AS who FROM range(150000) r(i)")
        assert {what for hits in values_in(spill).values() for what in hits} == {"e-mail"}


@pytest.mark.slow
def test_a_dump_of_a_process_that_holds_somebody_is_found(tmp_path):
    """As a file where this machine writes dumps into the folder; else as the same bytes, read from the process."""
    code = (
        "import json, os, resource, sys; resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)\n"
        "held = [json.loads(sys.stdin.readline())]; print(flush=True); sys.stdin.readline(); os.abort()"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, **pipes) as child:
        child.stdin.write(json.dumps(NAME).encode() + b"\n")
        child.stdin.flush()
        child.stdout.readline()
        (tmp_path / "memory").write_bytes(memory_of(child.pid))
        child.communicate(b"\n")
    assert child.returncode == -signal.SIGABRT
    expected = {"memory"} | ({"core"} if dumps_are_files() else set())
    assert {name.partition(".")[0] for name, what in values_in(tmp_path).items() if what == {"name"}} == expected


def dumps_are_files() -> bool:
    """Whether a dump goes into the folder that a program runs in."""
    return Path("/proc/sys/kernel/core_pattern").read_text("ascii").startswith("core")


def memory_of(process: int) -> bytes:
    """What of a process's memory a dump would hold."""
    held = []
    with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start, end = (int(part, 16) for part in span.split("-"))
            if rights.startswith("rw") and end - start < 2**26:
                memory.seek(start)
                held.append(memory.read(end - start))
    return b"".join(held)


def values_in(folder: Path) -> dict[str, set[str]]:
    """File in the folder -> which values are in it."""
    found = SCANNER.found(folder)
    return {name.partition("/")[2]: {hit.partition(":")[0] for hit in hits} for name, hits in found.items()}
