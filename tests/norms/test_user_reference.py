"""References of the user: what is fitted, how it is kept, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.bids import signed_file
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.norms.user_reference import (
    LEAST,
    make_reference,
    read_reference,
    write_reference,
)
from neurofm_bids.records.centile import Observation
from neurofm_bids.records.origin import make_origin
from tests.norms.people import simulated

SETTINGS = {"views": 8, "anatomy_phases": 2, "no_anatomy": False}
WHOLE = make_origin(5, "aa", "bb", SETTINGS)


def made(people, origin=WHOLE):
    return make_reference(people, version="1", origin=origin)


def scores(reference, people, name):
    expected = [(p, reference.expect(name, name, p.age_years, p.sex, p.head_ml).distribution) for p in people]
    return np.array([found.z(p.values[name]) for p, found in expected if found is not None])


@pytest.mark.parametrize("count", [28, 200])
@pytest.mark.parametrize("name", ["brain", "lateral_ventricles"])
def test_centiles_of_new_people_are_uniform_even_among_few(count, name):
    all_scores = [
        scores(made(simulated(seed, count)), simulated(1000 + seed, 60), name) for seed in range(40)
    ]
    found = np.concatenate(all_scores)
    slack = 0.12 if count < 100 and name == "brain" else 0.08  # few people: age is fitted without its square
    assert found.mean() == pytest.approx(0, abs=slack)
    assert found.std() == pytest.approx(1, abs=slack)
    for centile in (5, 25, 50, 75, 95):
        below = 100 * (found < np.sqrt(2) * erfinv(centile / 50 - 1)).mean()
        assert below == pytest.approx(centile, abs=3)


def erfinv(value):
    from scipy.special import erfinv as inverse

    return inverse(value)


def test_without_head_size_the_expectation_is_wider():
    reference = made(simulated(1, 300))
    at, without = (reference.expect("brain", "brain", 50, "F", head) for head in (1320.0, None))
    assert without.notes == ("no_head_size",)
    assert without.distribution.scale > 1.5 * at.distribution.scale


def test_a_round_trip(tmp_path):
    reference = made(simulated(1, 100))
    write_reference(tmp_path / "r.json", reference)
    again = read_reference(tmp_path / "r.json")
    assert again == reference
    assert again.people == {"F": reference.people["F"], "M": reference.people["M"]}
    assert sum(again.people.values()) == 100
    assert again.about["SHA256"] == reference.digest != ""
    assert again.covers("brain", "x")
    assert not again.covers("predicted_brain_volume", "brain")
    assert not again.is_freesurfer


def test_beyond_its_people_it_has_no_expectation():
    women = [replace(person, sex="F") for person in simulated(2, 50, ages=(30, 40))]
    reference = made(women)
    assert reference.ages("brain", 1300.0)[0] >= 30
    assert reference.expect("brain", "brain", 45, "F", 1300.0).notes == ("age_outside",)
    assert reference.expect("brain", "brain", 35, "M", 1300.0).notes == ("sex_outside",)
    assert reference.expect("brain", "brain", 35, "F", 1300.0).notes == ()


def test_terms_follow_from_the_people():
    few, many = (made(simulated(1, count)).at_head_size["brain"].terms for count in (59, 60))
    assert (few.is_age_quadratic, many.is_age_quadratic) == (False, True)
    same = [replace(person, age_years=30.0) for person in simulated(1, 30)]
    terms = made(same).at_head_size["brain"].terms
    assert (terms.is_age_linear, terms.sexes, terms.age_range) == (False, ("F", "M"), (30.0, 30.0))
    one_sex = [replace(person, sex="M") for person in simulated(1, 30)]
    assert made(one_sex).at_head_size["brain"].terms.sexes == ("M",)
    headless = [replace(person, head_ml=None) for person in simulated(1, 30)]
    assert made(headless).at_head_size == {}
    assert made(headless).without_head_size.keys() == {"brain", "lateral_ventricles"}
    assert made(simulated(1, 30)).at_head_size["lateral_ventricles"].logarithmic


def with_sex(people, sex):
    return [replace(person, sex=sex) for person in people]


@pytest.mark.parametrize(
    ("people", "counts"),
    [
        (with_sex(simulated(1, LEAST - 1), "F"), "19 women and 0 men"),
        (
            with_sex(simulated(1, 19), "M") + [Observation(50.0, "F", None, {}, "quality_failed")] * 30,
            "0 women and 19 men",
        ),
        (with_sex(simulated(1, 18), "F") + with_sex(simulated(2, 4), "M"), "18 women and 4 men"),
        ([], "0 women and 0 men"),
        (with_sex(simulated(1, 1), "F") + with_sex(simulated(2, 1), "M"), "1 woman and 1 man"),
    ],
)
def test_too_few_people_are_refused(people, counts):
    with pytest.raises(NeuroFMError, match=f"at least 20 participants.*there are {counts}") as error:
        made(people)
    assert error.value.code is Exit.DATA


def only_of(people, is_having):
    """Return people of whom only some have ventricles."""
    return [p if is_having(p) else replace(p, values={"brain": p.values["brain"]}) for p in people]


@pytest.mark.parametrize("head_ml", [1400.0, None])
def test_a_volume_of_one_sex_says_nothing_of_the_other(head_ml):
    reference = made(only_of(simulated(1, 100), lambda person: person.sex == "F"))
    assert set(reference.people) == {"F", "M"}
    found = {
        (key, sex): reference.expect(key, key, 50, sex, head_ml)
        for key in ("brain", "lateral_ventricles")
        for sex in "FM"
    }
    outside = {who for who, expected in found.items() if "sex_outside" in expected.notes}
    assert outside == {("lateral_ventricles", "M")}
    assert {who for who, expected in found.items() if expected.distribution is None} == outside


def test_a_volume_of_too_few_men_says_nothing_of_men():
    people = simulated(1, 100)
    men = [person for person in people if person.sex == "M"][:4]
    reference = made(only_of(people, lambda person: person.sex == "F" or person in men))
    assert reference.at_head_size["lateral_ventricles"].terms.sexes == ("F",)
    assert reference.at_head_size["lateral_ventricles"].n == reference.people["F"]


@pytest.mark.parametrize("head_ml", [1400.0, None])
def test_a_volume_is_not_extrapolated_beyond_the_ages_of_those_who_have_it(head_ml):
    reference = made(only_of(simulated(1, 200), lambda person: person.age_years <= 40))
    low, high = reference.ages("lateral_ventricles", head_ml)
    assert 35 < high <= 40 < reference.ages("brain", head_ml)[1]
    assert low == pytest.approx(reference.age_range[0])
    expected = [reference.expect("lateral_ventricles", "", age, "F", head_ml) for age in (30, 60)]
    assert [found.distribution is None for found in expected] == [False, True]
    assert expected[1].notes == ("age_outside",)
    assert reference.expect("brain", "", 60, "F", head_ml).distribution is not None


@pytest.mark.parametrize(
    ("used", "reason"),
    [
        (WHOLE, ""),
        (make_origin(5, "aa", None, {**SETTINGS, "no_anatomy": True}), ""),
        (make_origin(5, "ab", "bb", SETTINGS), "made with other weights of the model"),
        (make_origin(5, "aa", "bc", SETTINGS), "made with other weights of the segmentation"),
        (make_origin(5, "aa", "bb", {**SETTINGS, "views": 1}), "made with --views 8, not 1"),
        (make_origin(6, "aa", "bb", SETTINGS), "made by pipeline version 5, not 6"),
    ],
)
def test_only_volumes_made_alike_can_be_compared(used, reason):
    assert made(simulated(1, 30)).refuses(used) == reason


def aged(people, seed=0):
    """Return people with a predicted age, which spreads more among the old."""
    rng = np.random.default_rng(seed)
    return [
        replace(
            p, values={**p.values, "predicted_age": 10 + 0.8 * p.age_years + 0.1 * p.age_years * rng.normal()}
        )
        for p in people
    ]


def test_the_predicted_age_is_compared_without_head_size():
    reference = made(aged(simulated(1, 400)))
    assert "predicted_age" not in reference.at_head_size
    at, without = (reference.expect("predicted_age", "", 50.0, "F", head) for head in (1400.0, None))
    assert at == without
    assert at.notes == ()
    assert at.distribution.median == pytest.approx(50, abs=1.5)
    young, old = (reference.expect("predicted_age", "", age, "F", None).distribution for age in (25.0, 75.0))
    assert old.scale > 1.7 * young.scale
    assert reference.expect("brain", "", 75.0, "F", 1400.0).distribution.skew == 0


def test_a_file_of_an_earlier_version_is_read(tmp_path, monkeypatch):
    """It has no scores, and all errors are normal with one sd."""
    path = tmp_path / "r.json"
    write_reference(path, made(simulated(1, 30)))
    values = json.loads(path.read_text())
    del values["Scores"]
    for regressions in (values["AtHeadSize"], values["WithoutHeadSize"]):
        for one in regressions.values():
            for name in ("Logit", "SdSlope", "Skew", "Tail"):
                del one[name]
    monkeypatch.setattr(signed_file, "is_unchanged", lambda values: True)
    path.write_text(json.dumps(values))
    old, new = read_reference(path), made(simulated(1, 30))
    assert old.scores == {}
    assert old.at_head_size == new.at_head_size


def cut(text):
    return text[: len(text) // 2]


def edited(text):
    values = json.loads(text)
    values["AgeRange"][1] = 99.0
    return json.dumps(values)


@pytest.mark.parametrize(
    ("change", "message", "code"),
    [
        (cut, "the reference is damaged", Exit.DATA),
        (edited, "the reference is damaged or was edited", Exit.DATA),
        (lambda text: "{}", r"this is not a reference \(Version is absent\): ", Exit.DATA),
        (lambda text: "[1]", "this is not a reference", Exit.DATA),
        (lambda text: text.replace('"ResidualSd"', '"Sd"'), "this is not a reference", Exit.DATA),
        (None, "reference not found", Exit.USAGE),
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path, change, message, code):
    path = tmp_path / "r.json"
    if change:
        write_reference(path, made(simulated(1, 30)))
        path.write_text(change(path.read_text()))
    with pytest.raises(NeuroFMError, match=message) as error:
        read_reference(path)
    assert error.value.code is code
    assert str(path) in str(error.value)
