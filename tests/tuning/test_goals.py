"""The maths of goals: margins, losses, ranking, in half widths of the band."""

from math import inf, log, nan, sqrt

import pytest

from experiments.targets import Goal, Spontaneous, make_target
from experiments.targets.cultures import SPONTANEOUS, STIMULATED
from experiments.targets.goals import missed, rank
from experiments.targets.target import Target, pooled
from livn.errors import InvalidType, InvalidValue, NotSupported, UnknownName

LINEAR = Goal("m", 0.9, 1.1, "1", "test", target=1.0)
LOG = Goal("rate", 1.0, 4.0, "Hz", "test", target=2.0, floor=0.01)


def test_margin_and_loss_are_in_half_widths():
    assert LINEAR.margin(1.0) == pytest.approx(1.0)
    assert LINEAR.margin(0.9) == pytest.approx(0.0)
    assert LINEAR.margin(1.2) == pytest.approx(-1.0)
    assert LINEAR.loss(1.0) == 0.0
    assert LINEAR.loss(1.1) == pytest.approx(1.0)
    assert LINEAR.loss(0.8) == pytest.approx(4.0)


def test_a_logarithmic_goal_counts_factors():
    assert LOG.width == pytest.approx(0.5 * 2 * 0.6931471805599453)  # half of ln 4
    assert LOG.loss(4.0) == pytest.approx(LOG.loss(1.0)) == pytest.approx(1.0)
    assert LOG.margin(8.0) == pytest.approx(-1.0)
    assert LOG.loss(0.0) == LOG.loss(0.01)  # below the floor is the floor


def test_one_edge():
    above = Goal("active", 0.5, None, "1", "test")
    assert above.margin(1.0) == pytest.approx(1.0)
    assert above.margin(0.25) == pytest.approx(-0.5)
    below = Goal("max", None, 50.0, "Hz", "test", floor=0.1)
    assert below.margin(50.0) == pytest.approx(0.0)
    assert below.margin(136.0) == pytest.approx(-1.0, abs=1e-3)  # an e-fold above
    assert (above.text(), below.text()) == ("at least 0.5", "at most 50 Hz")


def test_what_cannot_be_told_is_a_miss_unless_it_has_a_stand_in():
    assert not LINEAR.contains(nan)
    assert LINEAR.loss(nan) == 9.0
    stands = Goal("m", 0.9, 1.1, "1", "test", target=1.0, undefined=0.95)
    assert stands.margin(nan) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "band",
    [(None, None), (2.0, 1.0), (1.0, 1.0), (0.001, 1.0)],
    ids=["no edge", "descending", "empty", "below the floor"],
)
def test_bands_that_do_not_fit_are_refused(band):
    with pytest.raises(InvalidValue, match="band of 'x' does not fit"):
        Goal("x", *band, "1", "test", floor=0.01)


def test_rank_counts_distance_then_loss():
    goals = (LINEAR, LOG)
    assert missed(goals, {"m": 1.2, "rate": 2.0}) == pytest.approx({"m": 1.0})
    assert missed(goals, {"m": 3.1, "rate": 2.0}) == pytest.approx({"m": 20.0})
    assert rank(goals, {"m": 3.1, "rate": 2.0})[0] == pytest.approx(log(21))
    assert rank(goals, {"m": 1.05, "rate": 2.0}) == pytest.approx((0.0, 0.25))
    order = [{"m": 1.0, "rate": 2.0}, {"m": 1.05, "rate": 2.0}, {"m": 1.2, "rate": 2.0}, {}]
    keys = [rank(goals, features) for features in order]
    assert keys == sorted(keys)
    assert len(set(keys)) == 4


def test_every_built_in_goal_holds_its_target_and_names_its_source():
    for goal in SPONTANEOUS + STIMULATED:
        assert goal.source
        if goal.target is not None:
            assert goal.contains(goal.target)
            # Symmetric on its scale to 15 %, so that the loss is about 1 at either edge:
            # 2.4 and 3.6 Hz are 0.8 and 1.2 times 3 Hz.
            edges = [goal.loss(goal.low), goal.loss(goal.high)]
            assert edges == pytest.approx([1, 1], rel=0.25)


def test_a_feature_over_trials_is_the_mean_of_those_that_tell():
    found = pooled([{"a": 1.0, "b": nan}, {"a": 3.0, "b": 2.0}, {"a": 5.0, "b": nan}])
    assert found == {"a": 3.0, "b": 2.0}
    assert pooled([{"a": nan}])["a"] != pooled([{"a": nan}])["a"]  # nan


def test_bands_of_your_own():
    target = Spontaneous(bands={"firing_rate": (1.0, 4.0), "isi_cv": (0.5, 2.0)})
    goals = {goal.feature: goal for goal in target.goals()}
    assert goals["firing_rate"].target == pytest.approx(sqrt(4.0))  # the middle on its scale
    assert (goals["isi_cv"].low, goals["isi_cv"].source) == (0.5, "your band")
    assert goals["firing_rate"].contains(3.9)
    assert "isi_cv" not in [g.feature for g in Spontaneous(bands={"isi_cv": None}).goals()]
    with pytest.raises(
        UnknownName, match="feature of target Spontaneous: got 'fire_rate' .did you"
    ):
        make_target("Spontaneous", {"bands": {"fire_rate": (1.0, 2.0)}})


def test_objectives_and_constraints_keep_the_order_of_declaration():
    target = Spontaneous()
    assert target.objective_names() == ["firing_rate", "branching_ratio"]
    assert target.constraint_names() == [
        "burst_rate", "active_fraction", "synchrony", "isi_cv", "max_rate"
    ]  # fmt: skip
    features = {"firing_rate": 3.0, "branching_ratio": 1.0, "max_rate": 5.0, "isi_cv": 0.1}
    assert target.objectives(features) == {"firing_rate": 0.0, "branching_ratio": 0.0}
    assert list(target.constraints(features)) == target.constraint_names()
    assert target.constraints(features)["isi_cv"] < 0 < target.constraints(features)["max_rate"]
    assert not target.inside(features)


def test_targets_by_name_option_and_import_path():
    assert type(make_target("experiments.targets.cultures.Stimulated")).__name__ == "Stimulated"
    with pytest.raises(UnknownName, match="unknown target: got 'Cultur' .did you mean 'Culture'"):
        make_target("Cultur")
    with pytest.raises(
        UnknownName, match="option of target Culture: got 'durations' .did you mean"
    ):
        make_target("Culture", {"durations": 1.0})
    with pytest.raises(
        InvalidValue, match="option duration of target Culture is not accepted: got -1"
    ):
        make_target("Culture", {"duration": -1})
    with pytest.raises(UnknownName, match="unknown target: got 'no_such.module.T', whose module"):
        make_target("no_such.module.T")
    with pytest.raises(InvalidType, match="target is not a Target: got 'math.pi'"):
        make_target("math.pi")


@pytest.mark.parametrize("method", ["own_goals", "stages", "features"])
def test_a_target_that_lacks_a_method_says_which(method):
    arguments = ({}, None) if method == "features" else ()
    with pytest.raises(NotSupported, match=f"target Target cannot be used: got no {method} method"):
        getattr(Target(), method)(*arguments)


def test_a_target_of_your_own_by_import_path(tmp_path, monkeypatch):
    (tmp_path / "mylab.py").write_text(
        "from experiments.targets import Goal, Spontaneous\n"
        "class Slow(Spontaneous):\n"
        "    def own_goals(self):\n"
        "        return (Goal('firing_rate', 0.1, 0.5, 'Hz', 'mine', target=0.2, floor=0.01),)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    target = make_target("mylab.Slow", {"duration": 500.0})
    assert target.objective_names() == ["firing_rate"]
    assert target.inside({"firing_rate": 0.3})


def test_unranked_is_last():
    assert rank((LINEAR,), {}) < (inf, inf)
