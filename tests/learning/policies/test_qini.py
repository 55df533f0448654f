"""Who is helped most is found among people of whom nothing was learned: Qini, by scikit-uplift."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from flows.learning.policies.outcome_model import doubly_robust, expected
from flows.learning.policies.randomised import Asked, read_randomised
from flows.learning.policies.tailored import Learner
from tests.learning.policies.test_evaluation import ATTRIBUTES, hillstrom

pytestmark = [pytest.mark.slow, pytest.mark.oracle]
FOLDS = 5


def test_effects_rank_people_better_than_how_likely_they_are_to_act_anyway(tmp_path):
    from sklift.metrics import qini_auc_score

    rows = hillstrom().filter(pl.col("segment") != "Mens E-Mail")
    rows.write_parquet(tmp_path / "womens.parquet")
    data = read_randomised(tmp_path / "womens.parquet", Asked("segment", ("visit",), ATTRIBUTES))
    fold = np.random.default_rng(1).permutation(len(data)) % FOLDS
    visit, contexts = data.outcomes["visit"], data.contexts
    guess = expected(visit, data.arm, 2, list(contexts.values()), fold, FOLDS)
    learner = Learner(doubly_robust(visit, data.arm, data.propensity, guess), contexts, fold, FOLDS)
    effect = np.empty(len(data))
    for part in range(FOLDS):
        policy, mine = learner.learn(part), np.flatnonzero(fold == part)
        [found] = policy.effects
        sign = 1 if data.arms[found.arm] == "Womens E-Mail" else -1
        effect[mine] = sign * learner.found(found, mine)
    treated = data.arm == data.arms.index("Womens E-Mail")
    likely = guess[:, data.arms.index("Womens E-Mail")]
    by_effect, by_visit = (qini_auc_score(visit, ranks, treated.astype(int)) for ranks in (effect, likely))
    assert by_visit == pytest.approx(0.035, abs=0.01)  # the figure that others have measured
    assert by_effect > 1.3 * by_visit
