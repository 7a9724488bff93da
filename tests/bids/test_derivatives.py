"""Output names, and partial files."""

from pathlib import Path

import pytest

from neurofm_bids.bids.derivatives import Derivatives, image_sidecar
from neurofm_bids.bids.discovery import Scan
from neurofm_bids.bids.names import SCAN_OUTPUTS
from neurofm_bids.bids.output import ANATOMY, ATTRIBUTION, IMAGES
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.storage.atomic import write_text


def scan(session=None):
    root = Path("/data")
    entities = (("sub", "01"), *((("ses", session),) if session else ()), ("run", "2"))
    stem = "_".join(f"{k}-{v}" for k, v in entities)
    folder = root / "sub-01" / (f"ses-{session}" if session else "") / "anat"
    return Scan(folder / f"{stem}_T1w.nii.gz", root, "01", session, entities, {})


def test_every_name():
    out = Derivatives(Path("/out"), "openS")
    anat = Path("/out/sub-01/ses-a/anat")
    stem = "sub-01_ses-a_run-2"
    s = scan("a")
    transform = f"{stem}_from-T1w_to-MNI152NLin2009cAsym_mode-image"
    expected = {
        "features": anat / f"{stem}_desc-openS_features.tsv",
        "sidecar": anat / f"{stem}_desc-openS_features.json",
        "predictions": anat / f"{stem}_desc-openS_predictions.json",
        "centiles": anat / f"{stem}_desc-openS_centiles.tsv",
        "readouts": anat / f"{stem}_desc-openS_readouts.tsv",
        "mask": anat / f"{stem}_desc-brain_mask.nii.gz",
        "preproc": anat / f"{stem}_desc-preproc_T1w.nii.gz",
        "model_grid": anat / f"{stem}_space-openS_desc-brain_T1w.nii.gz",
        "affine": anat / f"{transform}_xfm.txt",
        "rigid": anat / f"{transform}_desc-rigid_xfm.txt",
        "segmentation": anat / f"{stem}_desc-anatomy_dseg.nii.gz",
        "morphometry": anat / f"{stem}_desc-anatomy_morphometry.tsv",
        "attribution": anat / f"{stem}_desc-openS_attribution.nii.gz",
        "attribution_regions": anat / f"{stem}_desc-openSAttribution_regions.tsv",
        "attribution_figure": Path("/out/sub-01/figures") / f"{stem}_desc-attribution_T1w.svg",
        "anatomy_figure": Path("/out/sub-01/figures") / f"{stem}_desc-anatomy_T1w.svg",
        "mask_figure": Path("/out/sub-01/figures") / f"{stem}_desc-mask_T1w.svg",
        "registration_figure": Path("/out/sub-01/figures") / f"{stem}_desc-registration_T1w.svg",
        "template_figure": Path("/out/sub-01/figures") / f"{stem}_desc-template_T1w.svg",
        "bias_figure": Path("/out/sub-01/figures") / f"{stem}_desc-bias_T1w.svg",
        "grid_figure": Path("/out/sub-01/figures") / f"{stem}_desc-grid_T1w.svg",
        "viewer": Path("/out/sub-01/figures") / f"{stem}_desc-viewer_T1w.nii.gz",
    }
    assert {name: out.path(s, name) for name in SCAN_OUTPUTS} == expected
    assert out.group("statistics") == Path("/out/group_desc-openS_statistics.tsv")
    assert out.report("01") == Path("/out/sub-01.html")
    assert out.folder(scan()) == Path("/out/sub-01/anat")


def named(stem, root=Path("/bids")):
    entities = tuple((part.split("-")[0], part.split("-")[1]) for part in stem.split("_"))
    return Scan(root / "sub-01" / "anat" / f"{stem}_T1w.nii.gz", root, "01", None, entities)


@pytest.mark.fault(
    "A run is killed while it writes a file", "the partial file is removed when the scan is processed again"
)
def test_leftovers_of_a_scan_are_removed_and_no_others(tmp_path):
    out, one, other = Derivatives(tmp_path, "openS"), named("sub-01"), named("sub-01_run-1")
    for which in (one, other):
        write_text(out.path(which, "sidecar"), "{}")
        for path in (out.path(which, name) for name in ("mask", "sidecar", "mask_figure")):
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / f".tmp-{path.name}-abc").touch()
    (tmp_path / "sub-01" / "anat" / ".tmp-mine").touch()
    out.forget(one)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert not any(name.startswith(".tmp-sub-01_desc") for name in left)
    assert {out.path(other, "sidecar").name, ".tmp-mine", f".tmp-{out.path(other, 'mask').name}-abc"} <= left
    assert not out.path(one, "sidecar").exists()


def test_vanished_output_folder_is_noticed(tmp_path):
    out = Derivatives(tmp_path / "gone", "openS")
    with pytest.raises(NeuroFMError, match="has vanished") as error:
        out.check()
    assert error.value.code is Exit.IO


def test_images_are_required_only_where_they_are_written():
    out = Derivatives(Path("/out"), "openS")
    few, many = (out.required(scan(), parts) for parts in ((ANATOMY,), (ANATOMY, IMAGES)))
    assert {path.name.split("_", 2)[2] for path in set(many) - set(few)} == {
        "desc-preproc_T1w.nii.gz",
        "space-openS_desc-brain_T1w.nii.gz",
    }
    assert not any(path.suffix == ".svg" for path in many)


def test_the_sidecar_of_an_image_lies_beside_it():
    assert image_sidecar(Path("/x/sub-01_T1w.nii.gz")) == Path("/x/sub-01_T1w.json")


@pytest.mark.parametrize("subject", ["x/../../../y", "a\0b"])
def test_labels_never_lead_out_of_the_folder(subject):
    with pytest.raises(NeuroFMError, match="points outside the output folder"):
        Derivatives(Path("/out"), "openS").path(StoredScan(subject, None, "sub-01"), "mask")


def test_outputs_of_the_segmentation_are_required_only_where_they_are_written():
    out = Derivatives(Path("/out"), "openS")
    few, many = (out.required(scan(), parts) for parts in ((IMAGES,), (IMAGES, ANATOMY)))
    endings = {path.name.rsplit("desc-", 1)[1] for path in set(many) - set(few)}
    assert endings == {"anatomy_dseg.nii.gz", "anatomy_morphometry.tsv"}


def test_an_output_of_two_parts_is_required_where_both_are_made():
    out = Derivatives(Path("/out"), "openS")
    names = {parts: {path.name for path in out.required(scan(), parts)} for parts in PARTS}
    maps, table = (out.path(scan(), name).name for name in ("attribution", "attribution_regions"))
    assert [(maps in names[parts], table in names[parts]) for parts in PARTS] == [
        (False, False),
        (True, False),
        (True, True),
    ]


PARTS = ((ANATOMY,), (ATTRIBUTION,), (ANATOMY, ATTRIBUTION))
