import pytest

from flows.channel_budgets import Budget, read_budget


@pytest.mark.parametrize(
    ("written", "budget", "told"),
    [
        ("20000 a day", Budget(20_000, "day"), "20,000 a day"),
        ("5000 a run", Budget(5_000, "run"), "5,000 a run"),
        (" 0  a day ", Budget(0, "day"), "0 a day"),
    ],
)
def test_a_budget_is_a_number_of_messages_in_a_run_or_a_day(written, budget, told):
    assert read_budget(written) == budget
    assert str(budget) == told
    assert read_budget(budget) is budget


@pytest.mark.parametrize(
    "written", ["20000", 20000, "-1 a day", "1.5 a day", "7 a week", "many a day", "007 a day", None, ["1 a day"]]
)
def test_what_is_no_budget_is_refused_with_an_example(written):
    with pytest.raises(ValueError, match=r"is no budget \| write it as in '20000 a day' or '5000 a run'"):
        read_budget(written)
