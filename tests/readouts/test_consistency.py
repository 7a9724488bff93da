"""Whether the parts of a readout fit together."""

from dataclasses import replace

import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.readouts.apply import Measured, score
from neurofm_bids.readouts.consistency import check_consistency
from neurofm_bids.readouts.readout import Baseline, Covariate, Linear
from tests.readouts.made import CLOUD, RISES, made_readout

KINDS = ("regression", "binary", "multiclass", "ordinal", "time-to-event")


@pytest.mark.parametrize("kind", KINDS)
def test_readouts_of_every_kind_are_consistent(kind):
    check_consistency(made_readout(kind))


def test_a_competing_event_has_a_function_of_its_own():
    check_consistency(made_readout("time-to-event", competing=True))
    made = made_readout("time-to-event", competing=True)
    with pytest.raises(NeuroFMError, match="1 functions in place of 2"):
        check_consistency(replace(made, functions=made.functions[:1]))


@pytest.mark.parametrize(
    ("kind", "changes", "fault"),
    [
        ("regression", {"features": ()}, "features are absent or named twice"),
        ("regression", {"features": ("f000", "f000")}, "features are absent or named twice"),
        ("regression", {"features": ("f000", "brain")}, "features are not those of the set latent"),
        ("regression", {"feature_set": "regional"}, "features are not those of the set regional"),
        ("regression", {"covariates": (Covariate("age"),)}, "are not as many as features and coded"),
        ("regression", {"functions": ()}, "0 functions in place of 1"),
        ("regression", {"functions": (Linear(0.0, (1.0,)),)}, "coefficients are not as many as features"),
        ("regression", {"replicates": ((),)}, "0 functions in place of 1"),
        ("regression", {"thresholds": (0.0,)}, "1 thresholds for 0 classes"),
        ("regression", {"classes": ("a", "b")}, "2 classes of the kind regression"),
        ("regression", {"residual_quantile": -1.0}, "the residual quantile is negative"),
        ("regression", {"baselines": (Baseline((1.0,), (0.1,)),)}, "1 baselines for 1 functions"),
        ("binary", {"classes": ("a", "b", "c")}, "3 classes of the kind binary"),
        ("multiclass", {"classes": ("a", "b")}, "3 functions in place of 2"),
        ("ordinal", {"thresholds": (1.0, 1.0)}, "thresholds do not increase"),
        ("ordinal", {"replicate_thresholds": ((-1.0, 1.0),)}, "thresholds of 1 replicates of 0"),
        ("time-to-event", {"baselines": ()}, "0 baselines for 1 functions"),
        ("time-to-event", {"baselines": (Baseline((1.0,), ()),)}, "of a baseline are not equally many"),
        ("time-to-event", {"baselines": (Baseline((2.0, 1.0), (0.1, 0.2)),)}, "baseline do not increase"),
        ("time-to-event", {"baselines": (Baseline((1.0, 2.0), (0.2, 0.1)),)}, "baseline do not increase"),
        ("regression", {"scores": RISES[:-1]}, "scores are not 101 increasing percentiles"),
        ("regression", {"scores": RISES[::-1]}, "scores are not 101 increasing percentiles"),
        ("regression", {"cloud": replace(CLOUD, distances=())}, "distances are not 101 increasing"),
        (
            "regression",
            {"cloud": replace(CLOUD, sd=(1.0, 0.0))},
            "standard deviation of the cloud is less than",
        ),
        ("regression", {"cloud": replace(CLOUD, variances=(0.0,))}, "variance of the cloud is not positive"),
        ("regression", {"cloud": replace(CLOUD, mean=(0.0, 1e60))}, "deviation of the cloud is larger than"),
        ("regression", {"functions": (Linear(0.0, (1e300, 0.0)),)}, "a coefficient is larger than"),
        ("regression", {"replicates": ((Linear(0.0, (1e300, 0.0)),),)}, "a coefficient is larger than"),
        ("regression", {"cloud": replace(CLOUD, mean=(0.0,))}, "of the cloud are not as many as features"),
        ("regression", {"cloud": replace(CLOUD, variances=())}, "of the cloud are not as many as features"),
    ],
)
def test_parts_that_do_not_fit_are_refused(kind, changes, fault):
    with pytest.raises(NeuroFMError, match=fault):
        check_consistency(made_readout(kind, **changes))


def test_times_belong_to_one_kind_only():
    made, timed = made_readout(), made_readout("time-to-event")
    with pytest.raises(NeuroFMError, match="times belong to the kind time-to-event, and only to it"):
        check_consistency(replace(made, task=replace(made.task, times=timed.task.times)))


def test_the_largest_numbers_that_are_allowed_give_a_finite_score():
    extreme = replace(CLOUD, sd=(1e-50, 1e-50), variances=(1e-300,), residual_variance=1e-300)
    made = made_readout("binary", functions=(Linear(1e50, (1e50, -1e50)),), cloud=extreme)
    check_consistency(made)
    found = score(made, Measured({"f000": 1e7, "f001": -1e7}))
    assert (found.value, found.distance_percentile) == (1.0, 100.0)
