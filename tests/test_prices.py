"""Prices against every possible choice, and against an exact solver: never over the room, never short of what can be proven."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.prices import WORTH, Queue, solve

NAMES = ("push", "email", "sms")
ONE = WORTH * 100
"""What a score of 1 gains by a first channel; each channel passed over takes `WORTH` from it."""


def queue(ways: str, *scores: float) -> Queue:
    worth, people = np.unique(np.round(np.array(scores) * WORTH).astype(np.int64), return_counts=True)
    return Queue(tuple(ways.split()), worth[::-1], people[::-1])


def used(queues, cuts) -> dict[str, int]:
    """Channel -> how many go by it."""
    found: dict[str, int] = {}
    for each, mine in zip(queues, cuts, strict=True):
        assert len(mine) == len(each.ways)
        assert all(begin <= end <= each.people.sum() for begin, end in pairwise((0, *mine)))
        for way, (begin, end) in zip(each.ways, pairwise((0, *mine)), strict=True):
            found[way] = found.get(way, 0) + end - begin
    return found


def gains(queues) -> list[dict[str, int]]:
    """Of each person what they gain by each of their channels."""
    return [
        {way: int(worth) * (100 - passed) for passed, way in enumerate(each.ways)}
        for each in queues
        for worth in np.repeat(each.worth, each.people)
    ]


def best(queues, room, least) -> int:
    """What can be had at the most, by trying everything."""
    people = gains(queues)

    def rest(place: int, left: tuple[tuple[str, int], ...]) -> int:
        if place == len(people):
            return 0
        tried = [rest(place + 1, left)]
        for way, gain in people[place].items():
            net, rooms = gain - round(least.get(way, 0.0) * ONE), dict(left)
            if way not in rooms:
                tried.append(net + rest(place + 1, left))
            elif rooms[way]:
                tried.append(net + rest(place + 1, tuple({**rooms, way: rooms[way] - 1}.items())))
        return max(tried)

    return rest(0, tuple(room.items()))


def paid(queues, room, least, prices: dict[str, int]) -> int:
    """What room and gains cost together at some prices."""
    rooms = sum((prices[name] - round(least.get(name, 0.0) * ONE)) * most for name, most in room.items())
    return rooms + sum(max(0, *(gain - prices.get(way, 0) for way, gain in each.items())) for each in gains(queues))


@st.composite
def markets(draw, most: int = 3):
    worth = st.sampled_from([0.3, 0.5, 0.5005, 0.73, 1.0]) | st.floats(1e-3, 1.0)
    queues = []
    for _ in range(draw(st.integers(1, 3))):
        ways = draw(st.permutations(NAMES))[: draw(st.integers(1, 3))]
        ends = ["free"] if draw(st.booleans()) else []
        queues.append(queue(" ".join([*ways, *ends]), *draw(st.lists(worth, max_size=most))))
    room = {name: draw(st.integers(0, most)) for name in NAMES}
    return queues, room, {name: draw(st.sampled_from([0.0, 0.0, 0.4])) for name in NAMES}


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(markets(most=2))
def test_nothing_better_can_be_had_and_no_channel_gets_more_than_it_has_room_for(market):
    queues, room, least = market
    solved = solve(queues, room, least)
    assert all(used(queues, solved.cuts).get(name, 0) <= most for name, most in room.items())
    assert (solved.value, solved.bound, solved.gap) == (best(queues, room, least), solved.value, 0.0)


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(markets(most=6))
def test_the_prices_are_the_lowest_at_which_the_least_is_paid(market):
    queues, room, least = market
    solved = solve(queues, room, least)
    prices = {name: round(price * ONE) for name, price in solved.prices.items()}
    assert paid(queues, room, least, prices) == solved.bound
    for change in product((-1, 0), repeat=len(room)):
        lower = {name: price + step for (name, price), step in zip(prices.items(), change, strict=True)}
        if any(change) and all(lower[name] >= round(least[name] * ONE) for name in room):
            assert paid(queues, room, least, lower) > solved.bound


def test_with_room_for_everybody_nobody_moves_and_nothing_has_a_price():
    queues = [queue("push email", 0.9, 0.2), queue("email", 0.5)]
    solved = solve(queues, {"push": 2, "email": 2})
    assert (solved.prices, solved.cuts, solved.gap) == ({"push": 0.0, "email": 0.0}, ((2, 2), (1,)), 0.0)


def test_where_there_is_no_choice_the_lowest_valued_fall_away_and_the_price_is_what_the_best_of_them_is_worth():
    solved = solve([queue("email", 0.9, 0.8, 0.3, 0.2)], {"email": 2})
    assert (solved.cuts, solved.prices) == (((2,),), {"email": 0.3})


def test_who_has_a_choice_makes_room_for_who_has_none():
    queues = [queue("push email", 0.9, 0.8), queue("push", 0.3)]
    solved = solve(queues, {"push": 2, "email": 5})
    assert solved.cuts == ((1, 2), (1,))
    assert solved.prices == {"push": 0.008, "email": 0.0}  # what it costs to move the last who moves


def test_a_channel_without_a_budget_takes_whoever_moves():
    solved = solve([queue("push sms", 0.9, 0.8, 0.7)], {"push": 1})
    assert (solved.cuts, solved.prices) == (((1, 3),), {"push": 0.008})


def test_nobody_who_is_not_worth_more_than_an_earlier_price_goes():
    queues = [queue("email", 0.9, 0.5, 0.4, 0.3)]
    solved = solve(queues, {"email": 3}, {"email": 0.4})
    assert (solved.cuts, solved.prices) == (((2,),), {"email": 0.4})
    assert solve(queues, {"email": 1}, {"email": 0.4}).prices == {"email": 0.5}


@pytest.mark.parametrize("worth", [[], [0.5]])
def test_without_room_or_without_anybody_nobody_goes(worth):
    solved = solve([queue("email sms", *worth)], {"email": 0, "sms": 0})
    assert (solved.cuts, solved.value, solved.gap) == (((0, 0),), 0, 0.0)


def test_thousands_who_are_worth_the_same_fill_the_room_to_the_last():
    queues = [queue("push email", *[0.73] * 3000), queue("email push", *[0.73] * 2000), queue("email", *[0.73] * 500)]
    room = {"push": 1201, "email": 1503}
    solved = solve(queues, room)
    assert used(queues, solved.cuts) == room
    assert solved.gap == 0.0


@pytest.mark.parametrize("many", [2, 3, 4])
def test_who_is_worth_the_same_moves_on_from_channel_to_channel_until_everybody_has_room(many):
    names = [f"way{place}" for place in range(many + 1)]
    queues = [queue(f"{here} {there}", *[0.5] * (2 if here == "way0" else 1)) for here, there in pairwise(names)]
    solved = solve(queues, dict.fromkeys(names, 1))
    assert solved.cuts == ((1, 2), *[(0, 1)] * (many - 1))
    assert solved.prices == {name: pytest.approx(0.005 * (many - place)) for place, name in enumerate(names)}


def test_a_stretch_is_no_longer_than_those_who_move_on():
    queues = [queue("push email", *[0.5] * 4), queue("email sms", 0.5), queue("email call", 0.5)]
    solved = solve(queues, {"push": 2, "email": 2, "sms": 4, "call": 4})
    assert solved.cuts == ((2, 4), (0, 1), (0, 1))


def exact(queues, room) -> float:
    """The optimum of the linear programme, by HiGHS."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    people, names = gains(queues), list(room)
    pairs = [(person, names.index(way), gain) for person, each in enumerate(people) for way, gain in each.items()]
    rows = [person for person, *_ in pairs] + [len(people) + way for _, way, _ in pairs]
    columns = np.tile(np.arange(len(pairs)), 2)
    taken = coo_array((np.ones(len(rows)), (rows, columns)), (len(people) + len(names), len(pairs)))
    most = np.concatenate([np.ones(len(people)), [room[name] for name in names]])
    worth = -np.array([gain / ONE for *_, gain in pairs])
    # Its optimum is as exact as its tolerances are, 1e-7 unless they are set.
    fine = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    done = linprog(worth, A_ub=taken.tocsr(), b_ub=most, method="highs", options=fine)
    assert done.status == 0, done.message
    return -float(done.fun)


def crowd(count: int, *, is_coarse: bool) -> list[Queue]:
    """Many people, of whom some have a choice; their scores apart, or much alike."""
    rng = np.random.default_rng(7)
    score = 1 / (1 + np.exp(-rng.normal(0, 1, count)))
    score = np.round(score, 2) + 0.01 if is_coarse else score
    ways = ["push email sms", "email push", "sms email", "email", "push sms", "sms"]
    which = rng.integers(0, len(ways), count)
    return [queue(way, *score[which == place]) for place, way in enumerate(ways)]


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.parametrize("is_coarse", [False, True])
def test_an_exact_solver_finds_the_same_optimum_for_thousands(is_coarse):
    queues, room = crowd(5000, is_coarse=is_coarse), {"push": 900, "email": 1100, "sms": 300}
    solved = solve(queues, room)
    assert used(queues, solved.cuts) == room
    assert solved.value / ONE == pytest.approx(exact(queues, room), rel=1e-9)
    assert solved.gap == 0.0


@pytest.mark.slow
@pytest.mark.oracle
@pytest.mark.property
@settings(max_examples=50, deadline=None)
@given(markets(most=6))
def test_an_exact_solver_finds_the_same_optimum(market):
    queues, room, _ = market
    queues = [Queue(tuple(way for way in each.ways if way in room), each.worth, each.people) for each in queues]
    queues = [each for each in queues if each.worth.size]
    solved = solve(queues, room)
    assert all(used(queues, solved.cuts).get(name, 0) <= most for name, most in room.items())
    if queues:
        assert solved.value / ONE == pytest.approx(exact(queues, room), abs=1e-8)
