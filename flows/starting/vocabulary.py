"""What names of tables and columns say, in the languages of those who name them: hints for a first draft, and never proof."""

from __future__ import annotations

import re

_PERSON = "|".join(
    (
        *("customer", "client", "user", "member", "household", "person", "people", "contact", "shopper", "guest"),
        *("subscriber", "patron", "policyholder", "kunde", "kundin", "mitglied", "haushalt", "klient", "versicherter?"),
        *("abonnent", "cliente", "acheteur", "klant", "account", "cust"),
    )
)
_ID = "id|no|nr|nummer|number|num|key|code|uid|uuid|guid|pk|fk|ref|schluessel"
PERSON_COLUMN = re.compile(rf"(?:{_PERSON})(?:e?[ns])?(?:{_ID})?")
PERSON_TABLE = re.compile(
    rf"(?:\w*_)?(?:{_PERSON}|people|personen|crm)(?:e?[ns])?(?:_?(?:master|base|data|stamm|dim|daten))?"
)
PLAIN_ID = re.compile(rf"(?:{_ID})")
_TRAILING_ID = re.compile(rf"(?:{_ID})$")

ADDRESSES = {
    "email": re.compile(r"e?mail(?:address|adresse|addr)?|courriel|correo"),
    "phone": re.compile(
        r"(?:tele)?(?:phone|fon|foon)(?:number|nummer|no|nr)?|mobile?(?:number|nummer|phone|no)?|handy(?:nr|nummer)?|msisdn"
    ),
    "push_token": re.compile(r"push(?:token|id)|devicetoken|fcmtoken"),
}
ROUTES = {
    "country": re.compile(r"country(?:code|iso)?|land|pays|pais"),
    "locale": re.compile(r"locale|language(?:code)?|sprache|langue|idioma|lang"),
    "time_zone": re.compile(r"time_?zone|zeitzone|tz"),
}
FIRST_NAME = re.compile(r"(?:first|given|fore)name|vorname|prenom|nombre|voornaam")
SURNAME = re.compile(
    r"(?:last|sur|family|full)name|nachname|familienname|apellidos?|achternaam|salutation|anrede|title"
)
HOME = re.compile(
    r"city|town|zip(?:code)?|post(?:al)?code|street|address(?:line)?\d?|ort|plz|strasse|stadt|ville|ciudad|region|state"
)
SENSITIVE = {
    "age": ("my age", re.compile(r"age|alter|dob|birth|born|geboren|geburt|naissance|nacimiento")),
    "gender": ("my gender", re.compile(r"gender|sex|geschlecht|sexe|genero")),
    "income": (
        "my income",
        re.compile(r"income|salary|einkommen|gehalt|wage|wealth|credit_?score|bonitaet|home_?owner|networth"),
    ),
    "family": (
        "who I live with",
        re.compile(
            r"marital|married|kid|child|kinder|famil(?!y_?name)|household_?(?:size|comp)|spouse|ehe|civil_?status"
        ),
    ),
    "health": (
        "my health",
        re.compile(r"health|allerg|diagnos|disab|illness|medic|patient|krank|gesund|pregnan|bmi|smok|diet"),
    ),
    "belief": ("my beliefs", re.compile(r"relig|church|konfession|glaube|politic|partei|union_?member|gewerkschaft")),
    "origin": ("my origin", re.compile(r"ethnic|race|nationality|staatsangeh|herkunft|citizenship")),
    "sexuality": ("whom I love", re.compile(r"sexual|orientation")),
}
"""Dimension -> what completes "they know …", and how columns that tell it are called: each is closed until a person opens it."""
SENSITIVE_VALUES = {
    "gender": frozenset(
        [
            "m",
            "f",
            "w",
            "d",
            "x",
            "male",
            "female",
            "man",
            "woman",
            "männlich",
            "weiblich",
            "divers",
            "mann",
            "frau",
            "other",
            "unknown",
            "diverse",
            "non-binary",
            "nonbinary",
        ]
    ),
    "family": frozenset(
        [
            "single",
            "married",
            "divorced",
            "widowed",
            "separated",
            "ledig",
            "verheiratet",
            "geschieden",
            "verwitwet",
            "unmarried",
            "partnered",
            "unknown",
        ]
    ),
    "belief": frozenset(
        [
            "christian",
            "catholic",
            "protestant",
            "muslim",
            "jewish",
            "hindu",
            "buddhist",
            "atheist",
            "none",
            "orthodox",
            "evangelisch",
            "katholisch",
            "islam",
            "other",
            "unknown",
        ]
    ),
}
PRIVATE_GOODS = (
    "pregnan|condom|contracept|family planning|fertil|incontinen|adult|erotic|lubric|laxativ|hemorr|antacid|medic|pharma|drug|"
    "analges|vitamin|bandage|infant|baby|hygien|diagnos|therap|tobacco|cigar|alcohol|liquor|spirits|diet|weight loss|"
    "feminine|schwanger|verhüt|arznei|erotik"
)
"""Of goods: too private for a greeting, whoever bought them."""
CONSENT = re.compile(
    r"consent|opt_?(?:in|out)|permission|newsletter|subscri[bp]|unsubscribe|marketing|einwilligung|werbe|agreed|gdpr|dsgvo|zustimmung|consentement"
)
REFUSAL = re.compile(r"opt_?out|unsubscribe|do_?not|no_?(?:mail|marketing|contact)|abgemeldet|widerruf")
BLOCKED = re.compile(r"bounce|suppress|block|unsub|opt_?out|sperr|blacklist|denylist|complain|stop_?list|hard_?fail")
STATES = {
    **dict.fromkeys(
        [
            "yes",
            "y",
            "ja",
            "oui",
            "si",
            "true",
            "t",
            "1",
            "in",
            "optin",
            "opt_in",
            "opt-in",
            "opted_in",
            "granted",
            "given",
            "agreed",
            "subscribed",
            "allow",
            "allowed",
            "accepted",
            "on",
        ],
        "yes",
    ),
    **dict.fromkeys(
        [
            "no",
            "n",
            "nein",
            "non",
            "false",
            "f",
            "0",
            "out",
            "optout",
            "opt_out",
            "opt-out",
            "opted_out",
            "denied",
            "withdrawn",
            "revoked",
            "refused",
            "unsubscribed",
            "deny",
            "rejected",
            "off",
        ],
        "no",
    ),
    **dict.fromkeys(["pending", "requested", "unconfirmed", "doi_sent"], "pending"),
    "snooze": "snooze",
}
"""What is noted of a consent -> its state. Anything else is a no."""
CHANNELS = {
    **dict.fromkeys(["email", "e-mail", "mail", "newsletter"], "email"),
    **dict.fromkeys(["sms", "text", "mobile"], "sms"),
    **dict.fromkeys(["push", "app"], "push"),
    **dict.fromkeys(["phone", "call", "telefon", "telephone"], "call"),
    "web": "web",
    "ads": "ads",
    "*": "*",
    "all": "*",
}
"""How channels are called -> channel."""
LOADED = re.compile(r"_?(?:loaded|ingested|imported|synced|inserted|etl|extracted)_?\w*")
NO_EVENT_TIME = re.compile(
    r"\w*(?:due|end|ends|expire[sd]?|expiry|until|valid|birth|geburt|dob|updated|modified|deleted|deadline|bis|ablauf)\w*"
)
EVENT_TIME = re.compile(
    r"\w*(?:happened|ordered|created|purchased|bought|placed|booked|booking|timestamp|date|datum|time|zeit|_at|_on|_am|ts)\w*"
)
NOUNS = {
    "order": re.compile(r"order|bestell|auftr|commande|pedido"),
    "booking": re.compile(r"booking|reserv|buchung|trip|reise"),
    "purchase": re.compile(r"purchase|transaction|kauf|käufe|basket|sale|receipt|achat|compra|bon"),
    "visit": re.compile(r"visit|session|besuch|stay|appointment|termin"),
    "contract": re.compile(r"contract|vertr|polic|police|subscription|abo\b|tariff|tarif"),
    "delivery": re.compile(r"deliver|shipment|liefer"),
    "request": re.compile(r"ticket|case|claim|request|support|anfrage|schaden"),
}
"""What a record is for who has it -> how tables of such records are called."""
ASIDE = re.compile(
    r"mail|campaign|kampagne|log\b|click|open|impression|sent|redempt|audit|consent|event_log|token|payment|return"
)
TITLE = (
    re.compile(
        r"(?:\w*_)?(?:title|titel|label|display_?name|bezeichnung)|(?:product|item|article|artikel|produkt)_?name"
    ),
    re.compile(r"name|(?:\w*_)?name"),
    re.compile(r"(?:\w*_)?(?:category|kategorie|type|sort|sorte)"),
)
NOTE = re.compile(
    r"note|notes|comment|comments|remark|remarks|message|kommentar|notiz|bemerkung|freitext|free_?text|feedback|review"
)


def plain(name: str) -> str:
    """A name by its letters and digits alone, small."""
    return re.sub(r"[\W_]+", "", name.lower())


def snake(name: str) -> str:
    """A name in small letters, its parts joined by `_`, as identifiers have it."""
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return re.sub(r"[^a-z0-9äöüß]+", "_", parts).strip("_")


def stem(name: str) -> str:
    """A name without what makes it an id or a plural: `order_id` and `Orders` are both about an order."""
    bare = _TRAILING_ID.sub("", plain(name)) or plain(name)
    return re.sub(r"(?:ies|en|es|[nsey])$", "", bare)


def is_about_people(table: str) -> bool:
    """Whether a table's name says that its rows are people."""
    return PERSON_TABLE.fullmatch(snake(table)) is not None


def sensitive_kind(column: str, values: frozenset[str]) -> tuple[str, str] | None:
    """The sensitive dimension that a column tells by its name, or by its few values, and the ground; None where none does."""
    name = snake(column)
    for kind, (_, pattern) in SENSITIVE.items():
        if any(pattern.match(name[start:]) for start in _beginnings(name)):
            return kind, "by its name"
    for kind, known in SENSITIVE_VALUES.items():
        if len(values) > 1 and values <= known:
            return kind, "by its values"
    return None


def noun(table: str) -> str | None:
    """What a row of a table is for who has it; None where its name does not say."""
    name = snake(table)
    return next((found for found, pattern in NOUNS.items() if pattern.search(name)), None)


def _beginnings(name: str) -> list[int]:
    """Where the parts of a name begin: `age` is not in `package`."""
    return [0, *(place + 1 for place, letter in enumerate(name) if letter == "_")]
