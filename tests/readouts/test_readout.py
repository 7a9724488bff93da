"""The file of a readout."""

from dataclasses import replace

from neurofm_bids.readouts.readout import (
    FORMAT_VERSION,
    Cloud,
    Evaluation,
    Linear,
    Metric,
    Readout,
    Training,
)
from neurofm_bids.readouts.task import Task
from neurofm_bids.records.origin import Origin
from neurofm_bids.records.schema import from_json, to_json


def readout():
    """Return a regression on two features."""
    return Readout(
        FORMAT_VERSION,
        "0.1",
        None,
        Task("raven", "cognitive", "regression", "raven_score"),
        Origin(6, "a" * 64, None, {"views": 4}),
        "latent",
        ("latent_0", "latent_1"),
        (),
        (),
        (Linear(20.0, (1.0, -2.0)),),
        (),
        (),
        (),
        None,
        4.0,
        tuple(float(i) for i in range(101)),
        Cloud((0.0, 0.0), (1.0, 1.0), ((1.0, 0.0),), (1.0,), 1.0, tuple(float(i) for i in range(101))),
        Training("A", "20 students", 20, 20),
        Evaluation({"r": Metric(0.1, (-0.2, 0.4))}),
    )


def test_a_readout_survives_its_json():
    assert from_json(Readout, to_json(readout())) == readout()


def test_outputs_name_its_training_cohort():
    assert readout().about["Training"] == "20 students"


def test_replicates_and_components_as_arrays():
    one, other = Linear(1.0, (2.0, 3.0), (4.0,)), Linear(5.0, (6.0, 7.0), (8.0,))
    made = replace(readout(), replicates=((one,), (other,)))
    assert made.replicate_weights.tolist() == [[[1, 2, 3, 4]], [[5, 6, 7, 8]]]
    assert made.cloud.axes.tolist() == [[1, 0]]
    assert replace(made.cloud, components=()).axes.shape == (0, 2)
