import json
import math
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.anatomy.network import AnatomyArchitecture, AnatomyNet
from neurofm_bids.anatomy.weights import save_anatomy_network
from neurofm_bids.cli.tools import main
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.pretrain.evaluation import anatomy
from neurofm_bids.pretrain.evaluation.acquisitions import ACQUISITIONS
from neurofm_bids.pretrain.evaluation.anatomy import evaluate_anatomy, repeated_volumes
from neurofm_bids.pretrain.evaluation.anatomy_summary import MEASURED
from neurofm_bids.pretrain.settings import AnatomyEvaluation
from neurofm_bids.resources import torch_threads
from tests.conftest import write_dataset_files, write_t1w
from tests.pretrain.evaluation.phantom import PhantomNetwork, phantom, phantom_labels


@pytest.fixture
def calls(monkeypatch, prepared_phantom):
    """Let every scan be the phantom and the network know it; return the scans that are prepared."""
    calls = []

    def prepare(path, folder, stability):
        calls.append((path.name, stability))
        return prepared_phantom

    monkeypatch.setattr(anatomy, "prepare", prepare)
    monkeypatch.setattr(anatomy, "load_anatomy_network", lambda path: PhantomNetwork())
    with torch_threads(1):  # on a busy machine, more threads wait for each other
        yield calls


def labelled_dataset(root):
    """Write two scans, the second without labels."""
    write_dataset_files(root)
    for subject in ("01", "02"):
        write_t1w(root, subject, phantom()[0])
    labels = root / "derivatives" / "labels" / "sub-01" / "anat"
    labels.mkdir(parents=True)
    nib.save(phantom_labels(), labels / "sub-01_dseg.nii.gz")
    return root


def settings(root, out, **more):
    labels = root / "derivatives" / "labels"
    return AnatomyEvaluation(bids_dir=root, out=out, labels=labels, weights=root / "weights", **more)


def test_volumes_and_overlap_with_labels(tmp_path, calls):
    root = labelled_dataset(tmp_path / "bids")
    (one, two), failed = evaluate_anatomy(settings(root, tmp_path / "out"))
    assert (failed, one.name, one.participant, one.repeats) == ({}, "sub-01", "01", {})
    for name, radii in (("white_matter", (12, 40)), ("cortex", (40, 50))):
        measured = one.structures[name]
        expected = 4 / 3 * math.pi * (radii[1] ** 3 - radii[0] ** 3) / 1000
        assert measured.known_ml == pytest.approx(expected, rel=0.03)
        assert measured.volume_ml == pytest.approx(expected, rel=0.08)
        assert measured.dice > 0.9
        assert two.structures[name].volume_ml == measured.volume_ml
        assert math.isnan(two.structures[name].known_ml)
        assert math.isnan(two.structures[name].dice)
    assert one.structures["hippocampus"].known_ml == pytest.approx(0.008)
    assert (one.structures["hippocampus"].dice, one.structures["hippocampus"].confidence) == (0, 0)
    assert one.structures["brain"].known_ml > one.structures["white_matter"].known_ml


def test_stability_adds_repeats(tmp_path, calls, monkeypatch, prepared_phantom):
    root = labelled_dataset(tmp_path / "bids")
    monkeypatch.setattr(anatomy, "repeated_volumes", lambda *_: {"mask tight": {"cortex": 1.0}})
    monkeypatch.setattr(anatomy, "prepare_acquisitions", lambda path, folder: {"noise": prepared_phantom})
    (one, two), _ = evaluate_anatomy(settings(root, tmp_path / "out", stability=True, phases=1))
    assert calls == [("sub-01_T1w.nii.gz", True), ("sub-02_T1w.nii.gz", True)]
    assert one.repeats == {"mask tight": {"cortex": 1.0}, "noise": one.volumes_ml}
    assert two.repeats == one.repeats
    assert math.isnan(one.structures["cortex"].spread_ml)  # of one phase


def test_repeats_differ_from_the_scan_as_far_as_their_voxels_do():
    volume = np.zeros((256, 256, 256), dtype=np.float32)
    volume[100:140, 90:150, 110:140] = 1000  # even edges: exact on every lattice
    tight = volume.copy()
    tight[100:104] = 0
    prepared = SimpleNamespace(
        other_masks=("tight",), volume=lambda mask="given": tight if mask == "tight" else volume
    )
    with torch_threads(1):
        found = repeated_volumes(prepared, PhantomNetwork(), 2)
    assert sorted(found) == [
        "1 phase",
        "8 phases",
        "mask tight",
        *(f"rotated 5 degrees about {axis}" for axis in "xyz"),
        *(f"shifted 1 mm along {axis}" for axis in "xyz"),
    ]
    assert all(set(volumes) == set(MEASURED) for volumes in found.values())
    white = {name: volumes["white_matter"] for name, volumes in found.items()}
    for name in ("1 phase", "8 phases"):
        assert white[name] == 40 * 60 * 30 / 1000
    assert white["mask tight"] == 36 * 60 * 30 / 1000
    for axis in "xyz":
        assert white[f"shifted 1 mm along {axis}"] == pytest.approx(72, rel=0.06)
        assert white[f"rotated 5 degrees about {axis}"] == pytest.approx(72, rel=0.06)


def test_datasets_without_label_images_are_refused_first(tmp_path, calls):
    root = labelled_dataset(tmp_path / "bids")
    (root / "derivatives" / "labels" / "sub-01" / "anat" / "sub-01_dseg.nii.gz").unlink()
    with pytest.raises(NeuroFMError, match="no scan has a label image") as error:
        evaluate_anatomy(settings(root, tmp_path / "out"))
    assert (error.value.code, calls) == (Exit.NO_INPUT, [])


def test_labels_of_another_protocol_fail_their_scan(tmp_path, calls):
    root = labelled_dataset(tmp_path / "bids")
    scans, failed = evaluate_anatomy(settings(root, tmp_path / "out", protocol="neuromorphometrics"))
    assert [scan.name for scan in scans] == ["sub-02"]
    assert "codes of neuromorphometrics" in failed["sub-01"]


@pytest.mark.slow
def test_the_command_writes_tables_and_names_failed_scans(tmp_path, brain_image, capsys):
    """The weights are random; every acquisition goes through the whole pipeline in another process."""
    root, out = write_dataset_files(tmp_path / "bids"), tmp_path / "out"
    write_t1w(root, "01", brain_image)
    write_t1w(root, "02", nib.Nifti1Image(np.zeros((30, 30, 30), np.float32), np.diag([4.0, 4, 4, 1])))
    codes = np.zeros(brain_image.shape, dtype=np.int16)
    for place, code in enumerate((2, 41, 3, 42, 10, 11, 12, 13, 17, 18)):
        codes[20 + 5 * place : 25 + 5 * place, 40:60, 40:50] = code
    anat = tmp_path / "labels" / "sub-01" / "anat"
    anat.mkdir(parents=True)
    nib.save(nib.Nifti1Image(codes, brain_image.affine), anat / "sub-01_desc-aseg_dseg.nii.gz")
    network, weights = AnatomyNet(AnatomyArchitecture((4, 4), (0, 0), (0,), 1)), tmp_path / "w.safetensors"
    save_anatomy_network(network, weights, {"licence": "CC0-1.0"})
    command = ["pretrain", "evaluate", str(root), str(out), "--weights", str(weights), "--nprocs", "2"]
    assert main([*command, "--labels", str(tmp_path / "labels"), "--stability"]) == 1
    assert capsys.readouterr().out.strip() == str(out / "evaluation.html")
    written = json.loads((out / "evaluation.json").read_text())
    assert written["structures"]["thalamus"]["n"] == 1
    assert list(written["Failed"]) == ["sub-02"]
    assert {*ACQUISITIONS, "1 phase", "8 phases", "mask tight"} <= set(written["repeatability"])
    assert all(written["repeatability"][name]["cortex"]["pairs"] == 1 for name in ACQUISITIONS)
