"""One price per channel, so that budgets go to the deliveries that are worth the most; and a proof of how good that is.

Each delivery is worth its score, a hundredth less for each open channel that it passes over, and goes where its worth less the
channel's price is the highest; nowhere, if that is nothing or less. The prices are the lowest of those at which the least is paid
for room and gains together, which no way of filling the channels can exceed: so the distance to what is reached is a certificate.
All of it is whole numbers: prices and who goes depend on nothing but how many are worth how much, to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, permutations, product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

WORTH = 1_000_000
"""What a delivery with a score of 1 is worth."""
_SHARES = 100
"""A delivery gains so many times its worth by its first channel, and once less with each that it passes over. So little that
somebody is rather moved than anybody dropped who is worth a few hundredths as much, and enough to keep the order of
`first_of`."""


@dataclass(frozen=True)
class Queue:
    """Deliveries that may go by the same channels.

    Attributes:
        ways: the channels in the order in which they are preferred; one without a budget can only be the last.
        worth: what they are worth (a score of 1 is `WORTH`), above 0, each worth once, the highest first.
        people: how many are worth each.
    """

    ways: tuple[str, ...]
    worth: NDArray[np.int64]
    people: NDArray[np.int64]


@dataclass(frozen=True)
class Solved:
    """What goes where.

    Attributes:
        prices: channel -> its price, as a score.
        cuts: for each queue, how many go by its first channel, by its first two, and so on: always the next ones of the queue.
        value: what those who go gain, less the prices that were given; a score of 1 by a first channel is `WORTH` times 100.
        bound: more than that cannot be reached.
    """

    prices: dict[str, float]
    cuts: tuple[tuple[int, ...], ...]
    value: int
    bound: int

    @property
    def gap(self) -> float:
        """The certificate: the share of `bound` that may have been missed."""
        return (self.bound - self.value) / self.bound if self.bound else 0.0


def solve(queues: Sequence[Queue], room: Mapping[str, int], least: Mapping[str, float] | None = None) -> Solved:
    """The prices of some channels and who goes by which; no channel gets more than it has room for.

    Args:
        queues: of the deliveries.
        room: channel -> how many it can take; one that is not named takes any number, and costs nothing.
        least: channel -> a price that was given before, and is not gone below.
    """
    given = [round((least or {}).get(name, 0.0) * WORTH * _SHARES) for name in room]
    market = _Market([_Line(queue, list(room)) for queue in queues], list(room.values()), given)
    prices = market.prices()
    cuts = market.settled(prices)
    scores = {name: price / (WORTH * _SHARES) for name, price in zip(room, prices, strict=True)}
    return Solved(scores, cuts, market.value(cuts), market.bound(prices))


class _Line:
    """A queue, with its channels by their place among those with a budget (None: without), and running sums."""

    def __init__(self, queue: Queue, names: Sequence[str]) -> None:
        self.ways = [names.index(way) if way in names else None for way in queue.ways]
        self.shares = [_SHARES - passed for passed in range(len(queue.ways))]
        self.worth, self.falling, self.people = queue.worth, -queue.worth, queue.people
        self.heads = np.concatenate([[0], np.cumsum(queue.people)])
        self.sums = np.concatenate([[0], np.cumsum(queue.worth * queue.people)])

    def costs(self, prices: Sequence[int]) -> list[int]:
        return [0 if way is None else prices[way] for way in self.ways]

    def nets(self, worth: int, prices: Sequence[int]) -> list[int]:
        """What somebody gains by each channel, less its price."""
        return [share * worth - cost for share, cost in zip(self.shares, self.costs(prices), strict=True)]

    def ends(self, prices: Sequence[int]) -> list[int]:
        """For each channel how many worths go by it or by an earlier one, where an earlier one is taken that is as good."""
        ways = [*zip(self.shares, self.costs(prices), strict=True), (0, 0)]  # the last is to go nowhere
        limits = [
            max(min(-((c - cost) // (share - s)) for share, cost in ways[:place]) for s, c in ways[place:])
            for place in range(1, len(ways))
        ]
        return np.searchsorted(self.falling, [-limit for limit in limits], side="right").tolist()  # type: ignore[no-any-return]

    def cuts(self, prices: Sequence[int]) -> list[int]:
        """For each channel how many people go by it or by an earlier one."""
        return self.heads[self.ends(prices)].tolist()  # type: ignore[no-any-return]

    def torn(self, prices: Sequence[int]) -> list[tuple[int, int]]:
        """Which worths have more than one best way, and by which channel they go in `ends`: only the last ones of a channel."""
        found = {}
        for way, (begin, end) in enumerate(pairwise((0, *self.ends(prices)))):
            if begin < end:
                best, *others = sorted([*self.nets(int(self.worth[end - 1]), prices), 0], reverse=True)
                if best in others:
                    found[end - 1] = way
        return list(found.items())

    def surplus(self, prices: Sequence[int]) -> int:
        """What those who go gain, less what they pay."""
        ends = [0, *self.ends(prices)]
        return self._net(self.heads[ends], self.sums[ends], self.costs(prices))

    def net(self, cuts: Sequence[int], prices: Sequence[int]) -> int:
        """What those who go by some cuts gain, less what they pay."""
        heads = np.array([0, *cuts])
        whole = np.searchsorted(self.heads, heads, side="right") - 1
        rest = heads - self.heads[whole]
        sums = self.sums[whole] + rest * np.append(self.worth, 0)[whole]
        return self._net(heads, sums, self.costs(prices))

    def _net(self, heads: NDArray[np.int64], sums: NDArray[np.int64], costs: Sequence[int]) -> int:
        return int(np.diff(sums) @ self.shares - np.diff(heads) @ costs)


class _Market:
    """All queues, and the channels with a budget by their places."""

    def __init__(self, lines: Sequence[_Line], room: Sequence[int], least: Sequence[int]) -> None:
        self.lines, self.room, self.least = lines, room, least
        self.sets = [each for each in product((0, 1), repeat=len(room)) if any(each)]

    def bound(self, prices: Sequence[int]) -> int:
        """What room and gains cost together at some prices: no way of filling the channels is worth more."""
        paid = sum((price - given) * room for price, given, room in zip(prices, self.least, self.room, strict=True))
        return paid + sum(line.surplus(prices) for line in self.lines)

    def value(self, cuts: Sequence[Sequence[int]]) -> int:
        return sum(line.net(cut, self.least) for line, cut in zip(self.lines, cuts, strict=True))

    def prices(self) -> list[int]:
        """The lowest prices of the least bound: from below, by raising sets of channels, with ever smaller steps.

        Source: Murota, Discrete Convex Analysis (2003), 10.3: what people pay who take one thing each is L-natural convex in
        whole prices, so the least is reached where no set of channels can be raised together; and the lowest prices of a step
        are at most one of the next step per channel (7.18) below those of a step that is twice as wide.
        """
        prices = list(self.least)
        step = 1 << max([0, *(int(line.worth[0]) * _SHARES for line in self.lines if line.worth.size)]).bit_length()
        while step and prices:
            low = [max(price - len(prices) * step, given) for price, given in zip(prices, self.least, strict=True)]
            prices = self._raised(low, step)
            step //= 2
        return prices

    def _raised(self, prices: list[int], step: int) -> list[int]:
        """Raise the smallest set of channels that lowers the bound the most, until none does."""
        lowest = self.bound(prices)
        while True:
            tried = [[price + step * is_in for price, is_in in zip(prices, each, strict=True)] for each in self.sets]
            found, _, best = min((self.bound(each), sum(each), each) for each in tried)
            if found >= lowest:
                return prices
            lowest, prices = found, best

    def settled(self, prices: Sequence[int]) -> tuple[tuple[int, ...], ...]:
        """Who goes where: by the prices, but for those to whom two ways are as good, who fill what room is left."""
        counts = [np.diff([0, *line.cuts(prices)]).tolist() for line in self.lines]
        torn = []
        for line, mine in zip(self.lines, counts, strict=True):
            for kind, way in line.torn(prices):
                people = int(line.people[kind])
                mine[way] -= people
                torn.append((line, mine, int(line.worth[kind]), people))
        left = list(self.room)
        for line, mine in zip(self.lines, counts, strict=True):
            for channel, count in zip(line.ways, mine, strict=True):
                if channel is not None:
                    left[channel] -= count
        gains = [self._gains(line, worth) for line, _, worth, _ in torn]
        for (line, mine, *_), held in zip(torn, _filled(gains, [people for *_, people in torn], left), strict=True):
            for place, channel in enumerate(line.ways):
                mine[place] += held[_NOWHERE if channel is None else channel]
        return tuple(tuple(np.cumsum(mine).tolist()) for mine in counts)

    def _gains(self, line: _Line, worth: int) -> dict[int, int]:
        """Channel -> what somebody gains by it, more than by going nowhere or by the channel without a budget."""
        nets = dict(zip(line.ways, line.nets(worth, self.least), strict=True))
        free = nets.pop(None, 0)
        return {_NOWHERE: 0, **{way: net - free for way, net in nets.items() if way is not None}}


_NOWHERE = -1
"""In the place of a channel: by none that has a budget."""


def _filled(gains: Sequence[Mapping[int, int]], people: Sequence[int], left: list[int]) -> list[dict[int, int]]:
    """How many of each kind of delivery go by each channel, so that the room that is left is best used.

    One stretch after the other is filled along the path that gains the most: in by one channel, others from there to the next, to
    where there is room. Source: Ahuja, Magnanti and Orlin, Network Flows (1993), 9.7.

    Args:
        gains: of each kind: channel -> what one gains by it.
        people: of each kind.
        left: of each channel; used up.
    """
    held = [{**dict.fromkeys(gain, 0), _NOWHERE: count} for gain, count in zip(gains, people, strict=True)]
    ways = range(len(left))
    paths = [(_NOWHERE, *path) for many in range(1, len(left) + 1) for path in permutations(ways, many)]
    while steps := _best(gains, held, [path for path in paths if left[path[-1]] > 0]):
        end = steps[-1][2]
        amount = min(left[end], *(held[kind][source] for kind, source, _ in steps))
        for kind, source, to in steps:
            held[kind][source] -= amount
            held[kind][to] += amount
        left[end] -= amount
    return held


def _best(
    gains: Sequence[Mapping[int, int]], held: Sequence[Mapping[int, int]], paths: Sequence[tuple[int, ...]]
) -> list[tuple[int, int, int]]:
    """The path that gains the most, as which kind moves from where to where; empty where nothing is gained any more."""
    moves: dict[tuple[int, int], tuple[int, int]] = {}
    for kind, (gain, mine) in enumerate(zip(gains, held, strict=True)):
        for source, to in permutations(gain, 2):
            if mine[source]:
                this = (gain[to] - gain[source], -kind)
                moves[source, to] = max(this, moves.get((source, to), this))
    whole = [path for path in paths if all(step in moves for step in pairwise(path))]
    best = max(whole, key=lambda path: sum(moves[step][0] for step in pairwise(path)), default=())
    if sum(moves[step][0] for step in pairwise(best)) <= 0:
        return []
    return [(-moves[step][1], *step) for step in pairwise(best)]
