"""A run is killed at a named point; the next run finishes or undoes: nothing is lost, nothing doubled, no half batch is seen."""

from __future__ import annotations

import pytest

from tests.crash.driver import LATE, OF_A_MESSAGE, OF_A_STATE, PLANNING
from tests.crash.killing import MAIL, WEB, Consumer, all_is_well, killed
from tests.tiny import day

pytestmark = pytest.mark.crash

# The second day: additions, removals and messages, so that every target has something to publish.
CASES = [
    *[(point, None) for point in PLANNING],
    *[(point, MAIL) for point in OF_A_MESSAGE],
    *[(point, WEB) for point in OF_A_STATE],
    *[(point, None) for point in LATE],
]


@pytest.mark.bad_input(102)
@pytest.mark.parametrize(
    ("point", "target", "greedy"),
    [
        pytest.param(
            *case,
            greedy,
            id=f"{case[0]}-{case[1] or 'all'}-{'taken' if greedy else 'left'}",
            marks=pytest.mark.slow,
        )
        for case in CASES
        for greedy in (False, True)
    ],
)
def test_a_killed_run_is_finished_by_the_next_one(second_day, unkilled, tmp_path, point, target, greedy):
    tiny = second_day.copy(tmp_path / "tiny")
    consumer = Consumer(tiny, greedy=greedy)
    killed(tiny, point, target, consumer)
    tiny.run(at=day(1))
    all_is_well(tiny, consumer, unkilled)
