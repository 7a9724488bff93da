"""Evaluated scans for the tests of summary and report."""

import math

from neurofm_bids.pretrain.evaluation.summary import EvaluatedScan


def scan(name, participant, age, predicted_age, **more):
    known = {"age": age, "sex": 1.0, "ventricular_volume": math.nan, "brain_volume": math.nan}
    predicted = {"age": predicted_age, "sex": 0.6, "ventricular_volume": 20.0, "brain_volume": 1100.0}
    return EvaluatedScan(name, participant, known, predicted, 1400.0, **more)
