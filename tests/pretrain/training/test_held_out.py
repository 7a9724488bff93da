from dataclasses import replace

import pytest
import torch

from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.training.held_out import evaluate_held_out


def test_errors_are_those_of_the_predictions(examples):
    known = replace(examples[0], age_years=torch.tensor(30.0), sex=torch.tensor(1.0))
    unknown = replace(examples[0], age_years=torch.tensor(torch.nan), sex=torch.tensor(torch.nan))
    network = load_model("open-s").network
    scores = evaluate_held_out(network, [known, unknown])
    assert scores["brain_mae"] == pytest.approx(abs(scores["brain_bias"]))
    assert scores["brain_mae"] < 400
    assert scores["age_mae"] == pytest.approx(abs(scores["age_bias"]))
    assert (scores["age_r"], scores["sex_auc"]) == (None, None)
    higher = replace(known, brain_ml=known.brain_ml + 10)
    assert evaluate_held_out(network, [higher])["brain_bias"] == pytest.approx(
        scores["brain_bias"] - 10, abs=1e-2
    )
