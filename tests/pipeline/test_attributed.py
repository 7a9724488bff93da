"""The numbers that are attributed."""

from dataclasses import replace

import pytest

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.registry import model_spec
from neurofm_bids.pipeline.attributed import attributed, linear_readouts
from neurofm_bids.readouts.parts import Harmonisation, Site
from tests.readouts.made import made_readout

SPEC = model_spec("open-s")
BY_SITE = Harmonisation((), (), (0.0, 0.0), {"a": Site((0.0, 0.0), (1.0, 1.0))})
READOUTS = [made_readout(), made_readout("binary"), made_readout("time-to-event", competing=True)]
ORIGIN = READOUTS[0].origin


def test_readouts_become_linear_functions_of_the_features():
    made = linear_readouts(READOUTS, ["time_to_event", "age", "raven", "depression"], SPEC, ORIGIN)
    assert [(one.name, one.long_name, one.units) for one in made] == [
        ("raven", "Something measured", "points"),
        ("depression", "Logit of MDD", "1"),
        ("time_to_event", "Something measured", "log hazard ratio"),
    ]
    assert (made[0].weights, made[0].offset, made[0].digest) == ((1.0, -2.0), 1.0, READOUTS[0].digest)
    assert linear_readouts(READOUTS, ["age"], SPEC, ORIGIN) == ()


def test_names_stand_for_targets_and_readouts():
    linear = linear_readouts(READOUTS, ["raven"], SPEC, ORIGIN)
    assert [one.name for one in attributed(SPEC, ["raven", "age"], linear)] == ["age", "raven"]
    assert [one.name for one in attributed(SPEC, ["raven"], linear)] == ["raven"]
    assert attributed(SPEC, []) == ()
    with pytest.raises(NeuroFMError, match="open-s has no target height to attribute") as caught:
        attributed(SPEC, ["raven", "height"], linear)
    assert "raven, or all" in caught.value.fix
    assert caught.value.code is Exit.USAGE


def test_a_misspelt_readout_is_answered_with_those_there_are():
    with pytest.raises(NeuroFMError, match="no target Raven to attribute") as caught:
        attributed(SPEC, ["Raven"], (), ["raven", "depression"])
    assert caught.value.fix.startswith("Did you mean 'raven'? Use ")
    assert "raven, depression, or all" in caught.value.fix


@pytest.mark.parametrize(
    ("readout", "why"),
    [
        (made_readout(name="age"), "the model has a target of this name"),
        (made_readout(feature_set="regional", features=("brain", "csf")), "it needs volumes of regions"),
        (made_readout(harmonisation=BY_SITE), "its features are harmonised by site"),
        (made_readout("multiclass"), "it has one function for each class"),
        (made_readout(origin=replace(ORIGIN, pipeline_version=99)), "its features were made by pipeline"),
    ],
)
def test_what_is_no_linear_function_of_the_features_is_refused(readout, why):
    name = readout.task.name
    with pytest.raises(NeuroFMError, match=f"the readout {name} cannot be attributed: {why}") as caught:
        linear_readouts([readout], [name], SPEC, ORIGIN)
    assert caught.value.code is Exit.USAGE
    assert linear_readouts([readout], ["sex"], SPEC, ORIGIN) == ()
