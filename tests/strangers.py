"""Databases of strangers, made up: a shop, a German list of customers, a telephone company, and some that nobody could know.

Each yields statements of DuckDB; days are counted back from now, as they would be with whoever has such a database.
"""

from __future__ import annotations

import random
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SHOP = [
    """
    CREATE TABLE customers AS SELECT n + 1000 AS id, 'canary' || n || '@example.com' AS email, 'Canary' || n % 40 AS first_name,
        n % 3 <> 0 AS accepts_marketing, now()::TIMESTAMP - INTERVAL 400 DAY AS created_at,
        if(n % 2 = 0, 'GB', 'DE') AS country_code FROM range(200) t (n)
    """,
    """
    CREATE TABLE orders AS SELECT n + 50000 AS id, 1000 + (n * 7) % 200 AS customer_id,
        now()::TIMESTAMP - to_days((n % 60)::INTEGER) AS created_at, n * 1.5 AS total FROM range(600) t (n)
    """,
    """
    CREATE TABLE line_items AS SELECT n AS id, 50000 + n % 600 AS order_id, 10 + n % 17 AS product_id, 1 + n % 3 AS quantity
        FROM range(1500) t (n)
    """,
    "CREATE TABLE products AS SELECT 10 + n AS id, 'tent of kind ' || chr(65 + n::INTEGER) AS title FROM range(17) t (n)",
]
GERMAN = [
    """
    CREATE TABLE kunden AS SELECT 'K' || n AS kunden_nr, 'Canary' || n % 30 AS vorname, 'k' || n || '@example.com' AS email,
        '+49 151 5550' || (100 + n) AS telefon, DATE '1950-01-01' + (n * 80)::INTEGER AS geburtsdatum,
        if(n % 2 = 0, 'katholisch', 'evangelisch') AS konfession, '0' || (4100 + n) AS plz, 'Leipzig' AS ort FROM range(150) t (n)
    """,
    """
    CREATE TABLE bestellungen AS SELECT 'B' || n AS bestell_nr, 'K' || n % 150 AS kunden_nr,
        now()::TIMESTAMP - to_days((n % 20)::INTEGER) AS bestellt_am,
        'bitte beim canary im ersten Stock abgeben, ' || n AS notiz FROM range(400) t (n)
    """,
    "CREATE TABLE positionen AS SELECT 'B' || n % 400 AS bestell_nr, 'A' || n % 12 AS artikel_nr FROM range(900) t (n)",
    "CREATE TABLE artikel AS SELECT 'A' || n AS artikel_nr, 'Kaffee der Sorte ' || n AS bezeichnung FROM range(12) t (n)",
    """
    CREATE TABLE einwilligungen AS SELECT 'K' || n AS kunden_nr, 'E-Mail' AS kanal, if(n % 4 = 0, 'nein', 'ja') AS status,
        now()::TIMESTAMP - INTERVAL 100 DAY AS erteilt_am FROM range(150) t (n)
    """,
    "CREATE TABLE sperrliste AS SELECT 'k' || n || '@example.com' AS email FROM range(1, 4) t (n)",
    "CREATE TABLE messwerte AS SELECT n AS messung, n / 7 AS wert FROM range(50) t (n)",
]
TELEPHONE = [
    """
    CREATE TABLE subscribers AS SELECT 491515550000 + n AS msisdn, 'T' || n % 4 AS tariff_id,
        now()::TIMESTAMP - INTERVAL 700 DAY AS activated_on, if(n % 2 = 0, 'male', 'female') AS salutation_code
        FROM range(300) t (n)
    """,
    """
    CREATE TABLE calls AS SELECT n AS call_id, 491515550000 + n % 300 AS msisdn, 'R' || n % 6 AS roaming_zone,
        now()::TIMESTAMP - to_hours((n % 400)::INTEGER) AS started_at, n % 90 AS minutes FROM range(2000) t (n)
    """,
    "CREATE TABLE tariffs AS SELECT 'T' || n AS tariff_id, 'flat of size ' || n AS tariff_name FROM range(4) t (n)",
    "CREATE TABLE zones AS SELECT 'R' || n AS roaming_zone, 'country group ' || chr(65 + n::INTEGER) AS name FROM range(6) t (n)",
]


@dataclass(frozen=True)
class Unseen:
    """A database with names that mean nothing.

    Attributes:
        statements: that make it.
        names: part -> how it is called here.
    """

    statements: list[str]
    names: Mapping[str, str]


def unseen(seed: int, *, whole_numbers: bool) -> Unseen:
    """People with addresses, what they did, its lines, things, what they agreed to, and a table that is about nothing known.

    Args:
        seed: of the names, and of where numbers begin.
        whole_numbers: keys are numbers; else texts.
    """
    drawn = random.Random(seed)
    parts = (
        *("people", "deeds", "lines", "things", "said", "other"),
        *("person", "mail", "call", "given", "born", "sex", "deed", "doer", "when", "line_deed", "line_thing"),
        *("thing", "called", "sayer", "yes", "way", "said_at", "n1", "n2"),
    )
    names: dict[str, str] = {}
    while len(names) < len(parts):
        name = "".join(drawn.choice(string.ascii_lowercase) for _ in range(drawn.randint(5, 8)))
        if name not in names.values():
            names[parts[len(names)]] = f"{name}{drawn.choice(('', '_x', 'Q'))}"
    starts = {part: drawn.randrange(1, 90) * 100_000 for part in ("person", "deed", "thing")}

    def key(part: str, number: str) -> str:
        return f"{starts[part]} + {number}" if whole_numbers else f"md5('{part}{seed}' || ({number}))"

    n = names
    return Unseen(
        [
            f"""CREATE TABLE {n["people"]} AS
                SELECT {key("person", "n")} AS {n["person"]}, 'canary' || n || '@example.com' AS {n["mail"]},
                '+44 7700 900' || (100 + n) AS {n["call"]},
                'Canary' || n % 50 AS {n["given"]},
                DATE '1948-02-03' + (n * 90)::INTEGER AS {n["born"]}, if(n % 2 = 0, 'f', 'm') AS {n["sex"]}
                FROM range(240) t (n)""",
            f"""CREATE TABLE {n["deeds"]} AS
                SELECT {key("deed", "n")} AS {n["deed"]}, {key("person", "n % 240")} AS {n["doer"]},
                now()::TIMESTAMP - to_days((n % 25)::INTEGER) AS {n["when"]}, n / 3 AS {n["n1"]} FROM range(700) t (n)""",
            f"""CREATE TABLE {n["lines"]} AS
                SELECT {key("deed", "n % 700")} AS {n["line_deed"]}, {key("thing", "n % 30")} AS {n["line_thing"]},
                1 + n % 4 AS {n["n1"]} FROM range(1600) t (n)""",
            f"""CREATE TABLE {n["things"]} AS SELECT {key("thing", "n")} AS {n["thing"]},
                'the ' || repeat(chr(97 + (n % 26)::INTEGER), 4 + (n // 26)::INTEGER) || ' lamp'
                AS {n["called"]} FROM range(30) t (n)""",
            f"""CREATE TABLE {n["said"]} AS
                SELECT {key("person", "n")} AS {n["sayer"]}, if(n % 5 = 0, 'no', 'yes') AS {n["yes"]},
                if(n % 2 = 0, 'email', 'sms') AS {n["way"]},
                now()::TIMESTAMP - INTERVAL 90 DAY AS {n["said_at"]} FROM range(240) t (n)""",
            f"CREATE TABLE {n['other']} AS SELECT n * 7 AS {n['n1']}, n / 3 AS {n['n2']} FROM range(40) t (n)",
        ],
        names,
    )
