"""Single values of settings, read and checked: what is wrong is told with the way out, after a bar."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flows.links import wrong_parameter


def zone_name(name: str) -> str:
    """A time zone's name. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("this is not a time zone | write it as in 'Europe/Berlin'") from None
    return name


def scheduler_address(address: str | None) -> str | None:
    """The address of a cluster's scheduler. Raises ValueError."""
    if address is not None and not re.fullmatch(r"(tcp|tls)://(\[[0-9a-fA-F:]+\]|[^\s/:]+):\d+", address):
        raise ValueError("this is no address of a scheduler | write it as in tcp://10.0.0.5:8786")
    return address


def store_place(given: object) -> object:
    """A place in S3, which an environment variable names by its address alone. Raises ValueError."""
    place = {"to": given} if isinstance(given, str) else given
    if isinstance(place, dict) and not str(place.get("to")).startswith("s3://"):
        raise ValueError('parts travel by S3 alone | write it as in {to = "s3://bucket/parts"}')
    return place


def host_names(given: object) -> object:
    """Hosts in small letters; an environment variable has them with commas between. Raises ValueError."""
    hosts = given.split(",") if isinstance(given, str) else given
    if not isinstance(hosts, list | tuple):
        return given
    named = [str(host).strip().lower() for host in hosts]
    for host in named:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host):
            raise ValueError("this is no host | write it as in images.example.com, without https:// and *")
    return tuple(named)


def added_to_links(given: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What is added to addresses. Raises ValueError."""
    wrong = (wrong_parameter(name, value) for added in given.values() for name, value in added.items())
    if complaint := next(filter(None, wrong), None):
        raise ValueError(complaint)
    return given
