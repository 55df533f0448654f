"""The files of ad platforms before the platforms' own packages: what they take, and what of bad files they do not see.

Each judge is tried on five files with one thing wrong. Those that it takes all the same stand in `UNSEEN`, each with the
test of ours that would see it.
"""

from __future__ import annotations

import csv
import io
import json
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from tests.channels.ads import golden, hexed, known, requests

pytestmark = [pytest.mark.slow, pytest.mark.oracle]

ROOT = Path(__file__).resolve().parents[2]


def cells(folder, kind="additions", encoding="utf-8"):
    """All rows of a batch's CSV files of one kind, by the names in their headers."""
    found = []
    for path in sorted(folder.glob(f"{kind}-*")):
        found += csv.DictReader(io.StringIO(path.read_bytes().decode(encoding), newline=""))
    return found


AGREED = "granted"  # as audiences.ndjson says it

# Each judge is given what a loader would make of a row, raises where it does not take it, and gives back what it understood.


def google(row):
    from google.ads import datamanager_v1

    names = {"Email": "email_address", "Phone": "phone_number"}
    listed = [
        datamanager_v1.UserIdentifier(**{names.get(name, name): value}) for name, value in row.items() if value != ""
    ]
    member = datamanager_v1.AudienceMember(user_data=datamanager_v1.UserData(user_identifiers=listed))
    request = datamanager_v1.IngestAudienceMembersRequest(
        audience_members=[member], encoding=datamanager_v1.Encoding.HEX, validate_only=True
    )
    read = type(request).from_json(type(request).to_json(request))
    return [each.email_address or each.phone_number for each in read.audience_members[0].user_data.user_identifiers]


def google_ads(row):
    """Google's other interface: the same members as its upload of Customer Match has them, each with the consent to it."""
    from google.ads.googleads.v26.common.types.consent import Consent
    from google.ads.googleads.v26.common.types.offline_user_data import UserData, UserIdentifier
    from google.ads.googleads.v26.enums.types.consent_status import ConsentStatusEnum

    names = {"Email": "hashed_email", "Phone": "hashed_phone_number"}
    listed = [
        UserIdentifier(**{names.get(name, name): value}) for name, value in row.items() if value not in ("", AGREED)
    ]
    agreed = ConsentStatusEnum.ConsentStatus[row.get("consent", AGREED).upper()]
    data = UserData(user_identifiers=listed, consent=Consent(ad_user_data=agreed, ad_personalization=agreed))
    read = UserData.from_json(UserData.to_json(data))
    assert read.consent.ad_user_data == ConsentStatusEnum.ConsentStatus.GRANTED
    return [each.hashed_email or each.hashed_phone_number for each in read.user_identifiers]


def meta(row):
    from facebook_business.adobjects.customaudience import CustomAudience
    from facebook_business.adobjects.serverside.normalize import Normalize

    fields = {"email": ("EMAIL", "em"), "phone": ("PHONE", "ph")}
    schema = [fields[name][0] for name in row]
    # What is hashed already is left as it is; all else is read as an address, and refused where it is none.
    values = [Normalize.normalize_field(fields[name][1], value) or "" for name, value in row.items()]
    params = CustomAudience.format_params(schema, [values], is_raw=True, pre_hashed=True)
    return [value for value in params["payload"]["data"][0] if value]


def uid2(body):
    from uid2_client import IdentityMapV3Input

    made = IdentityMapV3Input()
    for name, digests in body.items():
        {"email_hash": made.with_hashed_emails, "phone_hash": made.with_hashed_phones}[name](digests)
    return json.loads(made.get_identity_map_input_as_json_string())


def microsoft(path):
    from bingads.v13.bulk import BulkCustomerList, BulkCustomerListItem, BulkFileReader

    with BulkFileReader(str(path)) as reader:
        records = list(reader)
    its_list, items = records[0], records[1:]
    assert isinstance(its_list, BulkCustomerList)
    assert all(isinstance(item, BulkCustomerListItem) for item in items)
    listed = its_list.customer_list
    assert {item.parent_id for item in items} == {listed.Id}
    return listed.Name, its_list.action_type, [(item.sub_type, item.text) for item in items]


def test_google_takes_every_row_and_finds_in_it_what_its_own_package_makes_of_the_addresses(tmp_path):
    from google.ads.datamanager_util import Encoding, Formatter

    rows = cells(golden(tmp_path, "google_customer_match"))
    found = {tuple(google(row)) for row in rows}
    expected = set()
    for _, phone, address in known().iter_rows():
        digests = []
        with suppress(ValueError):  # of an address that is nothing but a tag Google makes none
            digests.append(Formatter().process_email_address(address, Encoding.HEX))
        digests = digests or [hexed(address)]
        expected.add((*digests, *([Formatter().process_phone_number(phone, Encoding.HEX)] if phone else [])))
    assert found == expected


def test_googles_other_interface_finds_the_same_in_every_row_with_consent(tmp_path):
    folder = golden(tmp_path, "google_customer_match")
    rows = cells(folder)
    (consent,) = {words["consent"] for words in requests(folder / "audiences.ndjson")}
    assert [google_ads({**row, "consent": consent}) for row in rows] == [google(row) for row in rows]


def test_meta_takes_every_row_and_finds_in_it_what_its_own_package_makes_of_the_addresses(tmp_path):
    from facebook_business.adobjects.serverside.normalize import Normalize

    found = {tuple(meta(row)) for row in cells(golden(tmp_path, "meta_custom_audience"))}
    assert found == {
        (Normalize.normalize_field("em", address), *([Normalize.normalize_field("ph", phone)] if phone else []))
        for _, phone, address in known().iter_rows()
    }


def test_uid2_takes_every_request_as_its_own_package_would_have_made_it(tmp_path):
    from uid2_client import input_util

    bodies = [body for path in sorted(golden(tmp_path, "uid2").glob("additions-*")) for body in requests(path)]
    assert [uid2(body) for body in bodies] == bodies
    numbers = [phone for phone in known()["phone"].drop_nulls() if input_util.is_phone_number_normalized(phone)]
    assert {digest for body in bodies for digest in body["phone_hash"]} == {
        input_util.normalize_and_hash_phone(number) for number in numbers
    }
    normal = [input_util.normalize_email_string(address) or address for address in known()["address"]]
    assert {digest for body in bodies for digest in body["email_hash"]} == {
        input_util.get_base64_encoded_hash(address) for address in normal
    }


def test_microsofts_reader_finds_the_list_what_to_do_and_every_item(tmp_path):
    folder = golden(tmp_path, "microsoft_customer_list")
    for path in sorted(folder.glob("*.csv")):
        name, action, items = microsoft(path)
        mode = path.name.split("-")[0]
        assert path.name == f"{mode}-{name}-0001.csv"
        assert action == {"additions": "Add", "removals": "Remove"}[mode]
        assert {kind for kind, _ in items} == {"Email"}
        assert len(items) == path.read_bytes().count(b"Customer List Item")
    added = {text for path in folder.glob("additions-*") for _, text in microsoft(path)[2]}
    assert added == {hexed(address.lower()) for address in known()["address"]}


# What the judges do not see.


def wrong_rows(row):
    """A good row of hashed identifiers with one thing wrong."""
    email, phone = list(row)
    return {
        "in clear": row | {email: "ann@example.com"},
        "in capitals": row | {email: row[email].upper()},
        "the digest of nothing": row | {email: hexed("")},
        "cut short": row | {phone: row[phone][:40]},
        "an unknown column": row | {"Emial": "x"},
    }


def without_consent(row):
    email, phone, _ = list(row)
    return {
        "in clear": row | {email: "ann@example.com"},
        "the digest of nothing": row | {email: hexed("")},
        "cut short": row | {phone: row[phone][:40]},
        "an unknown column": row | {"Emial": "x"},
        "consent denied": row | {"consent": "denied"},
    }


def wrong_requests(body):
    digest = body["email_hash"][0]
    return {
        "in clear": body | {"email_hash": ["ann@example.com"]},
        "as hexadecimals": body | {"email_hash": [hexed("ann@example.com")]},
        "the digest of nothing": body | {"email_hash": ["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]},
        "too many": body | {"email_hash": [digest] * 5_001},
        "an unknown key": body | {"email_hashes": [digest]},
    }


def wrong_files(text):
    return {
        "another format": text.replace("Format Version,,,,,6.0", "Format Version,,,,,5.0"),
        "no list": "\r\n".join(line for line in text.split("\r\n") if not line.startswith("Customer List,")),
        "the item of another list": text.replace("Customer List Item,,,-1", "Customer List Item,,,-2", 1),
        "an unknown column": text.replace(",Text", ",Txt", 1),
        "in clear": text.replace(text.split("\r\n")[3].split(",")[-1], "ann@example.com"),
    }


UNSEEN = {
    "google": {
        "in clear": "test_no_address_stands_in_a_file_in_clear",
        "in capitals": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
        "the digest of nothing": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
        "cut short": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
    },
    "google_ads": {
        "in clear": "test_no_address_stands_in_a_file_in_clear",
        "the digest of nothing": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
        "cut short": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
    },
    "meta": {
        "in clear": "test_no_address_stands_in_a_file_in_clear",
        "in capitals": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
        "the digest of nothing": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
    },
    "uid2": {
        "in clear": "test_no_address_stands_in_a_file_in_clear",
        "as hexadecimals": "test_uid2_takes_5_000_digests_in_a_request_as_base64",
        "the digest of nothing": "test_a_batch_of_badly_noted_people_is_the_golden_one_byte_for_byte",
        "too many": "test_uid2_takes_5_000_digests_in_a_request_as_base64",
    },
    "microsoft": {
        "in clear": "test_no_address_stands_in_a_file_in_clear",
        "an unknown column": "test_microsoft_has_a_mark_its_format_and_the_list_that_the_items_belong_to",
    },
}


def takes(judge, given):
    try:
        judge(given)
    except Exception:  # noqa: BLE001 - whatever it is that a judge refuses with
        return False
    return True


def test_what_each_judge_does_not_see_is_seen_by_a_test_of_ours(tmp_path):
    @cache
    def good(name):
        return next(row for row in cells(golden(tmp_path / name, name)) if all(row.values()))

    (body,) = requests(next(golden(tmp_path / "uid2", "uid2").glob("additions-*")))
    file = next(golden(tmp_path / "microsoft", "microsoft_customer_list").glob("additions-*"))
    changed = {}
    for kind, text in wrong_files(file.read_bytes().decode()).items():
        changed[kind] = tmp_path / f"{kind}.csv"
        changed[kind].write_bytes(text.encode())
        assert text != file.read_bytes().decode()
    tried = {
        "google": (google, good("google_customer_match"), wrong_rows),
        "google_ads": (google_ads, good("google_customer_match") | {"consent": AGREED}, without_consent),
        "meta": (meta, good("meta_custom_audience"), wrong_rows),
        "uid2": (uid2, body, wrong_requests),
        "microsoft": (microsoft, file, lambda _: changed),
    }
    found = {}
    for name, (judge, right, wrong) in tried.items():
        assert takes(judge, right)
        mutations = wrong(right)
        assert len(mutations) == 5
        found[name] = {kind for kind, given in mutations.items() if takes(judge, given)}
    assert found == {name: set(kinds) for name, kinds in UNSEEN.items()}
    ours = (ROOT / "tests/channels/test_ads.py").read_text("utf-8")
    assert {test for kinds in UNSEEN.values() for test in kinds.values() if f"def {test}(" not in ours} == set()


def test_each_platforms_file_is_refused_by_another_platforms_judge(tmp_path):
    folders = {
        name: golden(tmp_path / name, name)
        for name in (
            "google_customer_match",
            "meta_custom_audience",
            "uid2",
            "microsoft_customer_list",
            "linkedin_audience",
            "tiktok_audience",
        )
    }

    def understood(judge, name):
        folder = folders[name]
        paths = sorted(folder.glob("additions-*"))
        if judge is microsoft:
            return all(takes(microsoft, path) for path in paths)
        if judge is uid2:
            return all(takes(lambda path: [uid2(body) for body in requests(path)], path) for path in paths)
        return all(takes(lambda _: [judge(row) for row in cells(folder)], path) for path in paths)

    own = {
        "google_customer_match": google,
        "meta_custom_audience": meta,
        "uid2": uid2,
        "microsoft_customer_list": microsoft,
    }
    for name in folders:
        refused = [judge for judge in own.values() if own.get(name) is not judge and not understood(judge, name)]
        assert refused, name
    assert all(understood(judge, name) for name, judge in own.items())
