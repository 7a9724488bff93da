import math

import pytest

from neurofm_bids.preprocess.iqm import METRIC_NAMES
from neurofm_bids.records.dictionary import metric
from neurofm_bids.records.rules import Rule, cohort_rules, raised_flags, rules

FURTHER = {"mask_volume_ml", "fwhm_largest_mm", "peak_ratio", "background", "orientations"}
FURTHER |= {"size_difference", "axis_angle"}


@pytest.mark.parametrize("name", list(rules()))
def test_every_rule_says_what_is_wrong_and_what_to_look_at(name):
    rule = rules()[name]
    assert rule.value in {*METRIC_NAMES, *FURTHER}
    assert rule.lowest < rule.highest
    assert math.isfinite(rule.lowest) or math.isfinite(rule.highest)
    assert rule.severity in {"warning", "serious"}
    assert rule.message[0].isupper()
    assert not rule.message.endswith(".")
    assert rule.look
    assert not rule.look.endswith(".")
    assert rule.when.format(lowest=rule.lowest, highest=rule.highest)


def test_serious_rules_of_a_value_stand_before_warnings_and_beyond_them():
    by_value = {}
    for rule in rules().values():
        by_value.setdefault(rule.value, []).append(rule)
    for first, *others in by_value.values():
        for other in others:
            assert (first.severity, other.severity) == ("serious", "warning")
            assert first.lowest <= other.lowest
            assert first.highest >= other.highest


def test_the_first_rule_of_a_value_that_is_raised_counts(monkeypatch):
    common = {"value": "noise", "message": "Noise {noise:.1f} above {highest}", "look": "l", "when": "w"}
    made = {"very": Rule("serious", highest=2, **common), "some": Rule("warning", highest=1, **common)}
    monkeypatch.setattr("neurofm_bids.records.rules.rules", lambda: made)
    assert [flag.name for flag in raised_flags({"noise": 3.0})] == ["very"]
    (flag,) = raised_flags({"noise": 1.5})
    assert (flag.name, flag.message, flag.severity, flag.look) == (
        "some",
        "Noise 1.5 above 1",
        "warning",
        "l",
    )
    for value in (1.0, None, math.nan):
        assert raised_flags({"noise": value}) == ()
    assert raised_flags({}) == ()


def test_cohort_rules_have_a_direction_for_each_metric():
    limits = cohort_rules()
    assert limits.mads > 3
    assert limits.least_scans >= 8
    assert set(limits.worse.values()) <= {"low", "high", "both"}
    unknown = {name for name in limits.worse if "as recorded with the scan" in metric(name)["Description"]}
    assert unknown == set()


@pytest.mark.parametrize(
    ("value", "amount", "name", "words"),
    [
        ("ringing", 0.6, "ripples", "one frequency (stronger by 60% than neighbouring frequencies)"),
        ("ringing", 1.25, "strong_ripples", "one frequency (stronger by 125% than neighbouring frequencies)"),
        ("air_ghosting", 0.04, "ghosts", "is brighter than elsewhere by 4% of white matter"),
        ("slice_jump", 0.2, "uneven_slices", "differs from its neighbours by 20%"),
        ("fwhm_anisotropy", 1.8, "coarse_in_one_direction", "1.8 times as smooth along one axis as along"),
        ("inu_range", 1.3, "very_uneven_intensity", "its range was 130% of its median"),
        ("noise", 0.12, "noisy", "The noise is 12% of the intensity of white matter"),
        ("mask_leak", 0.05, "leak", "has 5% of its volume outside that of the template"),
        ("cut_fraction", 0.3, "cut_brain", "a flat face of 30% of its cross-section"),
    ],
)
def test_messages_say_what_the_value_is(value, amount, name, words):
    (flag,) = raised_flags({value: amount})
    assert flag.name == name
    assert words in flag.message
