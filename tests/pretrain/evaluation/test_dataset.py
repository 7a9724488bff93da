import json
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.cli.tools import main
from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.evaluation.dataset import evaluate as evaluate_settings
from neurofm_bids.pretrain.evaluation.perturbations import POSE_COUNT
from neurofm_bids.pretrain.evaluation.summary import TARGETS
from neurofm_bids.pretrain.settings import Evaluation
from tests.conftest import write_dataset_files
from tests.pretrain.evaluation.phantom import phantom

ROWS = (
    "participant_id\tage\tsex\tbrain_volume_mm3\tstripping\n"
    "sub-01\t30\tF\t1200000\ttight\n"
    "sub-02\t40\tM\tn/a\t\n"
)


def evaluate(root, out, **more):
    return evaluate_settings(Evaluation(bids_dir=root, out=out, **more), Processing())


def write_scans(root, image):
    """Write a good scan, a constant one and an empty file."""
    write_dataset_files(root, ROWS)
    constant = nib.Nifti1Image(np.zeros((9, 9, 9)), np.eye(4))
    for label, scan in (("01", image), ("02", constant), ("03", None)):
        path = root / f"sub-{label}" / "anat" / f"sub-{label}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        nib.save(scan, path) if scan else path.touch()
    return root


@pytest.fixture
def quick_pipeline(monkeypatch):
    """Replace preprocessing by a phantom on its own grid, and predictions by the size of the brain."""
    image, mask, _ = phantom()

    def run_in_memory(task, outputs):
        if "sub-02" in task.source.name:
            raise NeuroFMError("the image is constant", where=task.source)
        return {
            "corrected": image,
            "mask": mask,
            "registration": SimpleNamespace(rigid=np.eye(4)),
            "brain_extraction": SimpleNamespace(volume_mm3=1.4e6),
        }

    def encode(self, volume, views):
        value = SimpleNamespace(value=float(np.count_nonzero(volume)))
        return SimpleNamespace(predictions=dict.fromkeys(TARGETS, value))

    monkeypatch.setattr("neurofm_bids.pipeline.in_memory.run_in_memory", run_in_memory)
    monkeypatch.setattr(
        "neurofm_bids.preprocess.model_grid.model_grid", lambda brain, mask, **options: (brain, None)
    )
    monkeypatch.setattr("neurofm_bids.model.encoder.Encoder.encode", encode)


def test_known_and_predicted_values_of_good_scans(tmp_path, quick_pipeline):
    root = write_scans(tmp_path / "bids", phantom()[0])
    (scan,), failed = evaluate(root, tmp_path / "out")
    assert (scan.name, scan.participant, scan.style, scan.mask_ml) == ("sub-01", "01", "tight", 1400.0)
    assert (scan.known["age"], scan.known["sex"], scan.known["brain_volume"]) == (30.0, 0.0, 1200.0)
    assert np.isnan(scan.known["ventricular_volume"])
    assert scan.predicted["brain_volume"] == scan.predicted["age"] / 1000
    assert (scan.other_masks, scan.poses) == ({}, [])
    assert sorted(failed) == ["sub-02", "sub-03_T1w.nii.gz"]
    assert "the image is constant" in failed["sub-02"]


def test_volumes_are_written_once_for_each_image(tmp_path, quick_pipeline):
    root, out = write_scans(tmp_path / "bids", phantom()[0]), tmp_path / "out"
    evaluate(root, out)
    volume = out / "volumes" / "sub-01" / "given.nii.gz"
    first = volume.stat().st_mtime_ns
    evaluate(root, out)
    assert volume.stat().st_mtime_ns == first
    (scan,), _ = evaluate(root, out, stability=True)  # other masks are added
    assert len(scan.poses) == POSE_COUNT
    assert sorted(scan.other_masks) == ["csf-free", "loose", "tight"]
    assert scan.other_masks["csf-free"]["age"] < scan.predicted["age"] < scan.other_masks["loose"]["age"]
    record = out / "volumes" / "sub-01" / "prepared.json"
    first = record.stat().st_mtime_ns
    evaluate(root, out)
    assert record.stat().st_mtime_ns == first
    image = root / "sub-01" / "anat" / "sub-01_T1w.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(phantom()[0].dataobj) + 1, phantom()[0].affine), image)
    evaluate(root, out)
    assert record.stat().st_mtime_ns > first


def test_datasets_without_known_values_are_refused_first(bids_dataset, tmp_path):
    root = bids_dataset("sub-1/anat/sub-1_T1w.nii.gz")
    with pytest.raises(NeuroFMError, match="no participant has a known age, sex or volume") as error:
        evaluate(root, tmp_path / "out")
    assert error.value.code == Exit.NO_INPUT
    with pytest.raises(NeuroFMError, match="inside the dataset") as error:
        evaluate(root, root / "out")
    assert error.value.code == Exit.DATA
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_evaluates_a_dataset_and_names_failed_scans(tmp_path, brain_image, capsys):
    root, out = write_scans(tmp_path / "bids", brain_image), tmp_path / "out"
    command = ["pretrain", "evaluate", str(root), str(out), "--views", "1"]
    assert main([*command, "--stability", "--nprocs", "2"]) == 1
    assert capsys.readouterr().out.strip() == str(out / "evaluation.html")
    written = json.loads((out / "evaluation.json").read_text())
    assert written["groups"]["all"]["age"]["n"] == 1
    assert written["repeatability"]["age"]["poses"]["pairs"] == POSE_COUNT * (POSE_COUNT - 1) / 2
    assert sorted(written["Failed"]) == ["sub-02", "sub-03_T1w.nii.gz"]
    volume = out / "volumes" / "sub-01" / "given.nii.gz"
    first = volume.stat().st_mtime_ns
    assert main(command) == 1
    assert volume.stat().st_mtime_ns == first
