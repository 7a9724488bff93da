import numpy as np
import pytest
import torch

from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.explain.readout import LinearReadout, TargetReadout, target_readouts
from neurofm_bids.model.network import Outputs
from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.summary import summarise

SPEC = model_spec("open-s")
GIVEN = Outputs(
    torch.tensor([[1.0, 2.0], [3.0, 5.0]]),
    {
        "age": torch.tensor([0.5, -1.0]),
        "sex": torch.tensor([[0.2, 1.2], [0.0, -2.0]]),
        "ventricular_volume": torch.tensor([0.1, 0.2]),
        "brain_volume": torch.tensor([0.0, 1.0]),
    },
)


def test_a_linear_readout_is_linear_in_the_features():
    readout = LinearReadout("grip", "Hand grip", "kg", np.array([2.0, -1.0]), 10.0)
    assert readout.values(GIVEN).tolist() == [10.0, 11.0]


def test_targets_have_the_values_of_predictions():
    outputs = {name: values.double().numpy()[:1] for name, values in GIVEN.heads.items()}
    predictions = summarise(outputs, SPEC)
    for readout in target_readouts(SPEC):
        value = float(readout.values(GIVEN)[0])
        if readout.name == "sex":
            value = 1 / (1 + np.exp(-value))
        assert value == pytest.approx(predictions[readout.name].value, rel=1e-6), readout.name


def test_a_class_is_attributed_as_its_logit():
    sex = TargetReadout(SPEC.head("sex"))
    assert sex.values(GIVEN).tolist() == pytest.approx([1.0, -2.0])
    assert (sex.units, sex.long_name) == ("1", "Predicted logit of male")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), []),
        (("all",), ["age", "sex", "ventricular_volume", "brain_volume"]),
        (("sex", "age", "age"), ["age", "sex"]),
    ],
)
def test_names_stand_for_targets_in_the_order_of_the_model(names, expected):
    assert [readout.name for readout in target_readouts(SPEC, names)] == expected


def test_unknown_targets_are_named():
    with pytest.raises(NeuroFMError, match="open-s has no target height or weight to attribute") as error:
        target_readouts(SPEC, ("weight", "age", "height"))
    assert error.value.code is Exit.USAGE
    assert "Use age, sex, ventricular_volume, brain_volume, or all." in str(error.value)
