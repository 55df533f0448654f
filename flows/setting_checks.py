"""Settings held against what there is: channels, targets, brands, languages, files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.channels import CHANNELS, target
from flows.errors import SettingError, nearest
from flows.openpgp import check_certificate
from flows.seeds import check_seeds
from flows.words import is_spoken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.settings import Settings

_PLATFORMS = "tool.justenough.platforms"


def check_settings(settings: Settings) -> None:
    """Refuse settings that name what there is not. Raises SettingError."""
    _check_targets(settings)
    _check_named_targets(settings)
    _check_crowd(settings)
    _check_by_name(settings)
    check_seeds(settings)
    _check_caps(settings)
    _check_by_channel("quiet_hours", settings.quiet_hours, "quiet hours", settings)
    _check_by_channel("budgets", settings.budgets, "budget", settings)
    if not is_spoken(settings.locale):
        where = "pyproject.toml: tool.justenough.locale"
        raise SettingError(where, f"'{settings.locale}' is no language", "write it as in en, de or pt-BR")


def _check_targets(settings: Settings) -> None:
    for brand, ways in settings.targets.items():
        for channel, name in ways.items():
            where = f"pyproject.toml: tool.justenough.targets.{brand}.{channel}"
            if channel not in CHANNELS:
                raise SettingError(where, f"'{channel}' is no channel", nearest(channel, CHANNELS))
            if target(name, where).channel != channel:
                what = f"the target '{name}' is for {target(name).channel}, not for {channel}"
                raise SettingError(where, what, "choose another target")
            if target(name).unverified and name not in settings.unverified:
                what = f"nobody but ourselves has seen that the platform takes files of '{name}'"
                raise SettingError(where, what, f"try one by hand, then add '{name}' to `unverified`")


def _check_named_targets(settings: Settings) -> None:
    used = {name for ways in settings.targets.values() for name in ways.values()}
    named = {"acknowledged": settings.acknowledged, "suppression_lists": settings.suppression_lists}
    for setting, names in named.items():
        for name in names:
            if name not in used:
                where = f"pyproject.toml: tool.justenough.{setting}"
                raise SettingError(where, f"'{name}' is no target of this workspace", nearest(name, used))
    for name in settings.transports:  # one that no brand uses any more may still have something to take away
        target(name, "pyproject.toml: tool.justenough.transports")
    for name, table in settings.platforms.items():
        target(name, f"pyproject.toml: {_PLATFORMS}").given(table, f"pyproject.toml: {_PLATFORMS}.{name}")
    for name, certificate in settings.pgp.items():
        where = f"pyproject.toml: tool.justenough.pgp.{name}"
        target(name, where)
        check_certificate(certificate, where)
    for name in settings.unverified:
        target(name, "pyproject.toml: tool.justenough.unverified")


def _check_crowd(settings: Settings) -> None:
    for name, least in settings.crowd.items():
        where = f"pyproject.toml: tool.justenough.crowd.{name}"
        if name not in CHANNELS:
            raise SettingError(where, f"'{name}' is no channel", nearest(name, CHANNELS))
        channel = CHANNELS[name]
        if channel.needs_yes and least < channel.crowd:
            what = f"{least} people are too few: what others learn of people is about {channel.crowd} at least"
            raise SettingError(where, what, f"set {channel.crowd} or more, or take it out")


def _check_by_name(settings: Settings) -> None:
    for setting, given, more in (("costs", settings.costs, ()), ("links", settings.links, ("default",))):
        known = [*more, *CHANNELS]
        for name in given:
            if name not in known:
                where = f"pyproject.toml: tool.justenough.{setting}.{name}"
                raise SettingError(where, f"'{name}' is no channel", nearest(name, known))


def _check_caps(settings: Settings) -> None:
    where, sending = "pyproject.toml: tool.justenough.caps", [name for name, way in CHANNELS.items() if way.sends]
    for cap in settings.caps:
        for name in cap.channels:
            if name not in CHANNELS:
                raise SettingError(where, f"'{name}' is no channel", nearest(name, sending))
            if name not in sending:
                what = f"nothing is sent by {name}, so nothing of it is capped"
                raise SettingError(where, what, f"name {', '.join(sending)}, or none for all of them")


def _check_by_channel(setting: str, given: Mapping[str, Mapping[str, object]], lacks: str, settings: Settings) -> None:
    """A setting of brands and channels names those that there are, and by which something is sent."""
    where, sending = f"pyproject.toml: tool.justenough.{setting}", [name for name, way in CHANNELS.items() if way.sends]
    for brand, ways in given.items():
        if brand not in (known := ["default", *settings.brands]):
            raise SettingError(where, f"'{brand}' is no brand of this workspace", nearest(brand, known))
        for name in ways:
            if name not in sending:
                what = f"nothing is sent by '{name}', so it has no {lacks}"
                raise SettingError(f"{where}.{brand}", what, f"name {', '.join(sending)}")
