import numpy as np
import pytest

from neurofm_bids.preprocess.quality.not_measured import NotMeasuredError
from tests.preprocess.quality import phantom


def test_its_message_becomes_the_reason(monkeypatch):
    def refuse(image):
        raise NotMeasuredError("the moon is full")

    monkeypatch.setattr("neurofm_bids.preprocess.quality.background.efc", refuse)
    found = phantom.quality(phantom.head())
    assert found.metrics["efc"] is None
    assert found.not_measured["efc"] == "the moon is full"


def test_other_errors_are_not_hidden(monkeypatch):
    def fail(image):
        return np.zeros(0)[0]

    monkeypatch.setattr("neurofm_bids.preprocess.quality.background.efc", fail)
    with pytest.raises(IndexError):
        phantom.quality(phantom.head())
