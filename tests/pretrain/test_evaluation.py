"""Evaluation: scores, variants of a scan, and the command from dataset to page."""

import json
import math

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.cli.tools import main
from neurofm_bids.pretrain.evaluation_report import write_evaluation
from neurofm_bids.pretrain.scoring import agreement, auc, band, repeatability
from neurofm_bids.pretrain.summary import Evaluated, summarise
from neurofm_bids.pretrain.variants import POSES, mask_styles, poses
from tests.conftest import write_dataset_files


def test_agreement_leaves_out_what_is_not_known():
    found = agreement(np.array([10.0, np.nan, 30.0, 50.0]), np.array([12.0, 99.0, 33.0, 49.0]))
    assert (found.n, found.mae, found.bias) == (3, 2.0, pytest.approx(4 / 3))
    assert agreement(np.array([np.nan]), np.array([1.0])) is None
    flat = agreement(np.array([5.0, 5.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    assert (flat.r, flat.slope) == (None, None)


@pytest.mark.parametrize(
    ("positive", "wanted"), [([True, True], None), ([False, True], 1.0), ([True, False], 0.0)]
)
def test_auc_needs_both_classes(positive, wanted):
    assert auc(np.array(positive), np.array([0.2, 0.7])) == wanted


def test_bands_and_pairs():
    assert [band(a) for a in (17, 18, 44.9, 80)] == ["", "18-30", "30-45", "75-120"]
    assert repeatability([[1.0], [2.0]]) is None
    assert repeatability([[10.0, 11.0, 12.0]]).pairs == 3


def scan(name, person, age, predicted, **more):
    known = {"age": age, "sex": 1.0, "ventricular_volume": math.nan, "brain_volume": math.nan}
    found = {"age": predicted, "sex": 0.6, "ventricular_volume": 20.0, "brain_volume": 1100.0}
    return Evaluated(name, person, known, found, 1400.0, **more)


def test_a_summary_tells_bands_repeats_and_trivial_guesses():
    other = {"age": 50.0, "sex": 0.5, "ventricular_volume": 21.0, "brain_volume": 1111.0}
    scans = [
        scan("sub-1_ses-a_run-1", "1", 20.0, 24.0, session="a", style="tight"),
        scan("sub-1_ses-a_run-2", "1", 20.0, 26.0, session="a", styles={"loose": other}),
        scan("sub-1_ses-b", "1", 20.0, 25.0, session="b"),
        scan("sub-2", "2", 60.0, 50.0),
    ]
    found = summarise(scans)
    assert found["groups"]["all"]["age"]["mae"] == 25 / 4
    assert found["groups"]["age 18-30"]["age"]["bias"] == 5.0
    assert found["groups"]["stripping tight"]["age"]["n"] == 1
    assert found["groups"]["all"]["brain_volume"] is None
    assert found["baselines"]["age_mae_of_mean_age"] == 15.0
    assert found["repeatability"]["age"]["scans"] == {
        "pairs": 1,
        "difference": 2.0,
        "difference_percent": 8.0,
    }
    assert found["repeatability"]["brain_volume"]["mask loose"]["difference"] == 11.0


def test_the_page_escapes_what_comes_from_data(tmp_path):
    scans = [scan("sub-<script>", "<b>", 20.0, 24.0), scan("sub-2", "2", 60.0, 50.0)]
    page = write_evaluation(scans, {"sub-3": "it <broke>"}, tmp_path, model="m", sha256="0", views=1)
    text = page.read_text()
    assert "<script>" not in text
    assert "it &lt;broke&gt;" in text
    assert "n/a" in (tmp_path / "evaluation.tsv").read_text()
    assert json.loads((tmp_path / "evaluation.json").read_text())["Failed"] == {"sub-3": "it <broke>"}


def head():
    """A ball of white matter with a ventricle, in cortex, in CSF, in a bright scalp; 2 mm."""
    places = np.indices((72, 72, 72)) - 36.0
    radius = np.sqrt((places**2).sum(axis=0))
    data = np.select(
        [radius < 6, radius < 20, radius < 25, radius < 29, radius < 34], [100, 900, 600, 120, 700]
    )
    noise = np.random.default_rng(0).normal(0, 15, data.shape)
    affine = np.diag([2.0, 2, 2, 1])
    image = nib.Nifti1Image((data + noise * (data > 0)).astype(np.float32), affine)
    return image, nib.Nifti1Image((radius < 29).astype(np.uint8), affine), radius


def test_styles_of_masks_nest_and_keep_the_ventricle():
    image, mask, radius = head()
    styles = {name: np.asarray(m.dataobj) > 0 for name, m in mask_styles(image, mask).items()}
    assert list(styles) == ["given", "tight", "csf-free", "loose"]
    for smaller, larger in (("csf-free", "tight"), ("tight", "given"), ("given", "loose")):
        assert not (styles[smaller] & ~styles[larger]).any()
    assert styles["csf-free"][radius < 24].all()  # the ventricle is filled
    assert not styles["csf-free"][radius > 26].any()
    assert styles["loose"].sum() > styles["given"].sum()


def test_nothing_is_loosened_where_nothing_is_outside():
    image, mask, _ = head()
    stripped = nib.Nifti1Image(np.asarray(image.dataobj) * np.asarray(mask.dataobj), image.affine)
    assert "loose" not in mask_styles(stripped, mask)


def test_poses_move_the_volume_and_nothing_else():
    volume = np.zeros((64, 64, 64), dtype=np.float32)
    volume[20:44, 24:40, 28:36] = 5
    found = list(poses(volume))
    assert len(found) == POSES
    assert np.array_equal(found[0], volume)
    assert np.array_equal(found[7][1:, 1:, 1:], volume[:-1, :-1, :-1])
    for turned in found[8:]:
        assert turned.sum() == pytest.approx(volume.sum(), rel=0.02)
        assert not np.array_equal(turned, volume)


def test_a_dataset_is_evaluated_and_a_bad_scan_named(tmp_path, brain_image, capsys):
    rows = "participant_id\tage\tsex\tbrain_volume_mm3\nsub-01\t30\tF\t1200000\nsub-02\t40\tM\tn/a\n"
    root = write_dataset_files(tmp_path / "bids", rows)
    empty = nib.Nifti1Image(np.zeros((9, 9, 9)), np.eye(4))
    for label, image in (("01", brain_image), ("02", empty), ("03", None)):
        path = root / f"sub-{label}" / "anat" / f"sub-{label}_T1w.nii.gz"
        path.parent.mkdir(parents=True)
        nib.save(image, path) if image else path.touch()
    out = tmp_path / "out"
    assert main(["pretrain", "evaluate", str(root), str(out), "--views", "1", "--stability"]) == 1
    assert capsys.readouterr().out.strip() == str(out / "evaluation.html")
    found = json.loads((out / "evaluation.json").read_text())
    assert found["groups"]["all"]["age"]["n"] == 1
    assert found["repeatability"]["age"]["poses"]["pairs"] == POSES * (POSES - 1) / 2
    assert sorted(found["Failed"]) == ["sub-02", "sub-03_T1w.nii.gz"]
    volume = out / "volumes" / "sub-01" / "given.nii.gz"
    before = volume.stat().st_mtime_ns
    assert main(["pretrain", "evaluate", str(root), str(out), "--views", "1"]) == 1
    assert volume.stat().st_mtime_ns == before
    for path in root.glob("sub-01/anat/*.nii.gz"):  # another image of that name
        nib.save(nib.Nifti1Image(np.asarray(brain_image.dataobj) + 1, brain_image.affine), path)
    assert main(["pretrain", "evaluate", str(root), str(out), "--views", "1"]) == 1
    assert volume.stat().st_mtime_ns > before


def test_nothing_known_is_said_before_anything_is_done(bids_dataset, tmp_path, caplog):
    root = bids_dataset("sub-1/anat/sub-1_T1w.nii.gz")
    assert main(["pretrain", "evaluate", str(root), str(tmp_path / "out")]) == 66
    assert "neither age, sex nor volumes" in caplog.text
    assert main(["pretrain", "evaluate", str(root), str(root / "out")]) == 65
    assert main(["pretrain", "evaluate", str(root), str(tmp_path / "out"), "--views", "0"]) == 64
