"""What all tests share: a clean environment, the counts by kind, and the rule for skips."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest

HERE = Path(__file__).parent
KINDS = ("house", "oracle", "property", "crash", "browser", "end_to_end")
DATA = "JUSTENOUGH_TEST_DATA"
"""Names the folder of real data, which is not in the repository."""
SKIPS = os.environ.get("JUSTENOUGH_SKIPS", "")
PREFECT_HOME = pytest.StashKey[str]()
LONGEST = ("tests/end_to_end/", "tests/words/test_equality.py", "tests/crash/", "tests/test_complete_journey.py")

hypothesis.settings.register_profile("fast", derandomize=True, deadline=None)
hypothesis.settings.register_profile("all", max_examples=500, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests away from the caller's Prefect and settings. Workers of xdist inherit what is set here."""
    if SKIPS not in {"", "listed", "none"}:
        raise pytest.UsageError(f"JUSTENOUGH_SKIPS is '{SKIPS}'; it can be 'listed', 'none', or not set")
    if _is_worker(config):
        return
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "JUSTENOUGH_")) and name != DATA]:
        del os.environ[name]
    config.stash[PREFECT_HOME] = tempfile.mkdtemp(prefix="justenough-prefect-")
    os.environ |= {
        "PREFECT_HOME": config.stash[PREFECT_HOME],
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    }


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove Prefect's files."""
    if home := config.stash.get(PREFECT_HOME, None):
        shutil.rmtree(home, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no worker is left alone with one of them at the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Note the test's kinds where a report carries them, from a worker too."""
    inside = item.path.relative_to(HERE).parts if item.path.is_relative_to(HERE) else ()
    kinds = [kind for kind in KINDS if item.get_closest_marker(kind) or kind in inside[:1]]
    item.user_properties.append(("kinds", kinds))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skip that may not be fails the whole."""
    if session.exitstatus == pytest.ExitCode.OK and _refused(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Above the closing line: what tests have to tell, how many of each kind ran, and which skips may not be."""
    reports = [report for name in ("passed", "failed") for report in terminalreporter.stats.get(name, [])]
    counts = Counter(kind for report in reports for kind in dict(report.user_properties).get("kinds", []))
    ran = ", ".join(f"{kind.replace('_', ' ')} {counts[kind]}" for kind in KINDS)
    refused = _refused(config)
    for told in [value for report in reports for name, value in report.user_properties if name == "told"]:
        terminalreporter.write_line(told)
    for line in refused:
        terminalreporter.write_line(line, red=True)
    if refused:
        hint = {"none": "in this run nothing may be skipped", "listed": "tests/allowed_skips.txt lists what may be"}
        terminalreporter.write_line(f"hint: {hint[SKIPS]}")
    terminalreporter.write_line(f"of special kinds: {ran}")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _refused(config: pytest.Config) -> list[str]:
    """A line for each skip that the rule in force forbids, and for each expected failure; none without a rule."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if not SKIPS or reporter is None or _is_worker(config):
        return []
    stats: dict[str, list[Any]] = reporter.stats
    allowed = allowed_skips((HERE / "allowed_skips.txt").read_text("utf-8")) if SKIPS == "listed" else {}
    skipped = [
        report.nodeid for report in stats.get("skipped", []) if not any(part in report.nodeid for part in allowed)
    ]
    expected = [report.nodeid for name in ("xfailed", "xpassed") for report in stats.get(name, [])]
    return [f"may not be skipped: {node}" for node in skipped] + [f"may not be expected to fail: {n}" for n in expected]


def allowed_skips(text: str) -> dict[str, str]:
    """The lines `part of a node id  # reason` of allowed_skips.txt, the part to its reason."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    pairs = [[side.strip() for side in line.partition("#")[::2]] for line in lines]
    for part, reason in pairs:
        if not part or not reason:
            raise pytest.UsageError(f"tests/allowed_skips.txt: '{part}' has no reason; write `node id  # reason`")
    return dict(pairs)
