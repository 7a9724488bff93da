from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from torch import nn

from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.training.features import FeatureObjective, encode_examples, evaluate_features
from neurofm_bids.pretrain.training.recipe import Recipe

OPEN_S = Path(str(files("neurofm_bids") / "data" / "weights" / "open-s.safetensors"))


def test_the_start_sets_the_statistics_of_batch_normalisation(small_example):
    torch.manual_seed(0)
    objective = FeatureObjective(Recipe())
    learner = objective.learner()
    objective.start(learner, [small_example])
    norms = [m for m in learner.network.modules() if isinstance(m, nn.BatchNorm3d)]
    assert norms
    assert all(norm.running_mean.ne(0).any() and norm.running_var.ne(1).any() for norm in norms)
    objective.freeze(learner.network)
    means = [norm.running_mean.clone() for norm in norms]
    objective.loss(learner, small_example, 0).backward()
    assert all(torch.equal(norm.running_mean, mean) for norm, mean in zip(norms, means, strict=True))


def test_the_loss_weighs_the_targets_by_the_step(small_example):
    recipe = Recipe(target_weight=(0.0, 1.0, 40), batch_size=4, precision="float32")
    objective = FeatureObjective(recipe)
    torch.manual_seed(0)
    learner = objective.learner()
    objective.freeze(learner.network)
    with torch.no_grad():
        losses = [float(objective.loss(learner, small_example, step)) for step in (0, 5, 10)]
    assert losses[0] < losses[1] < losses[2]
    assert losses[2] - losses[1] == pytest.approx(losses[1] - losses[0], rel=1e-3)


def test_weights_are_loaded_as_they_were_saved(tmp_path):
    objective = FeatureObjective(Recipe())
    network = objective.load(OPEN_S)
    objective.save(network, tmp_path / "copy.safetensors", {})
    copy = objective.load(tmp_path / "copy.safetensors")
    for name, value in network.state_dict().items():
        assert torch.equal(value, copy.state_dict()[name]), name
    assert objective.held_out_samples == Recipe().held_out_samples


def test_errors_are_those_of_the_predictions(examples):
    known = replace(examples[0], age_years=torch.tensor(30.0), sex=torch.tensor(1.0))
    unknown = replace(examples[0], age_years=torch.tensor(torch.nan), sex=torch.tensor(torch.nan))
    network = load_model("open-s").network
    scores = evaluate_features(network, [known, unknown])
    assert scores["brain_mae"] == pytest.approx(abs(scores["brain_bias"]))
    assert scores["brain_mae"] < 400
    assert scores["age_mae"] == pytest.approx(abs(scores["age_bias"]))
    assert (scores["age_r"], scores["sex_auc"]) == (None, None)
    higher = replace(known, brain_ml=known.brain_ml + 10)
    assert evaluate_features(network, [higher])["brain_bias"] == pytest.approx(
        scores["brain_bias"] - 10, abs=1e-2
    )


def test_calibration_scales_predicted_ages_and_nothing_else(examples):
    people = [
        replace(example, age_years=torch.tensor(age))
        for example, age in zip(examples, (25.0, 65.0), strict=False)
        for _ in range(5)
    ]
    network = load_model("open-s").network
    before, _ = encode_examples(network, people)
    factors = FeatureObjective(Recipe()).calibrate(network, people)
    after, _ = encode_examples(network, people)
    assert after[:, 1:] == pytest.approx(before[:, 1:])
    assert after[:, 0] == pytest.approx(
        factors["age_factor"] * before[:, 0] + factors["age_offset"], abs=1e-3
    )
    assert after[0, 0] - 25 == pytest.approx(65 - after[5, 0], abs=1e-3)
