"""The steps of the page on extending, as they stand, add a metric with a flag, a readout and a model."""

import json
import tomllib
from contextlib import chdir
from importlib.resources import files

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids import NeuroFM
from neurofm_bids.model import registry
from neurofm_bids.preprocess import iqm
from neurofm_bids.records import rules
from tests.documentation import ROOT, blocks
from tests.preprocess.quality import phantom
from tests.preprocess.test_iqm import registration

PAGE = ROOT / "docs" / "extending.md"
BRAIN = files("neurofm_bids") / "data" / "tpl-MNI152NLin2009cAsym_res-02_desc-brain_T1w.nii.gz"


def examples():
    function, line, readout, weights = blocks(PAGE, "python")
    flag, model = (tomllib.loads(text) for text in blocks(PAGE, "toml"))
    return function + line, readout, weights, flag, model


@pytest.fixture
def metric(monkeypatch):
    """Add the metric and the rule of the page."""
    text, _, _, flag, _ = examples()
    names = {}
    exec(compile(text, PAGE.name, "exec"), names)
    for name, value in names["metrics"].items():
        monkeypatch.setitem(vars(iqm)["_METRICS"], name, value)
    known = dict(rules.rules())
    added = {name: rules.Rule(**fields) for name, fields in flag["flag"].items()}
    monkeypatch.setattr(rules, "rules", lambda: {**known, **added})
    return next(iter(names["metrics"]))


@pytest.mark.parametrize(("share", "names"), [(1.0, []), (0.9, []), (0.6, ["one_sided"])])
def test_a_metric_and_its_flag(metric, share, names):
    data = phantom.head()
    data[: len(data) // 2] *= share
    image = nib.Nifti1Image(data, phantom.mask().affine)
    found = iqm.measure_quality(image, image, phantom.mask(), registration(), template_mask=phantom.mask())
    assert found.metrics[metric] == pytest.approx(share, abs=0.02)
    assert [flag.name for flag in found.flags if flag.name == "one_sided"] == names
    [entry] = (json.loads(text) for text in blocks(PAGE, "json"))
    dictionary = json.loads((files("neurofm_bids") / "data" / "dictionary.json").read_text("utf-8"))
    assert list(entry) == [metric]
    assert set(entry[metric]) == set(dictionary["quality"]["cnr"])


def test_a_readout(tmp_path):
    names = {}
    with chdir(tmp_path):
        exec(compile(examples()[1], PAGE.name, "exec"), names)
    assert names["made"].evaluation.metrics["r"].value > 0.7
    truth = 50 + 8 * names["features"][0, 0] - 0.1 * names["age"][0]
    assert names["applied"].value == pytest.approx(truth, abs=3)


def test_a_model(tmp_path, monkeypatch):
    names = {}
    with chdir(tmp_path):
        exec(compile(examples()[2], PAGE.name, "exec"), names)
    known = registry.entries()
    added = {**known, "model": {**known["model"], **examples()[4]["model"]}}
    monkeypatch.setattr(registry, "entries", lambda: added)
    registry.models.cache_clear()
    try:
        model = NeuroFM("site-s", weights=tmp_path / "site.safetensors", device="cpu", views=1)
        [ours], [tuned] = model.encode([str(BRAIN)]), names["tuned"].encode([str(BRAIN)])
    finally:
        registry.models.cache_clear()
    assert model.spec.label == "siteS"
    assert np.array_equal(ours.features, tuned.features)
    assert model.spec.notice.startswith("site-s: ")
