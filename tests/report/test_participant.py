"""Figures and the participant report."""

import re
import xml.etree.ElementTree as ET

import nibabel as nib
import numpy as np
import pytest

from neurofm_bids.preprocess.registration import load_template
from neurofm_bids.report.figures import grid_figure, mask_figure, registration_figure
from neurofm_bids.report.methods import bibliography, methods_text
from neurofm_bids.report.participant import ReportFailure, ScanReport, write_participant_report

SVG = "{http://www.w3.org/2000/svg}"
PARAMETERS = {
    "skull_strip": "auto",
    "bias_correction": "n4",
    "encode_space": "rigid",
    "template": "T",
    "views": 8,
    "random_seed": 1,
}
VERSIONS = dict.fromkeys(("neurofm-bids", "deepbet", "antspyx", "torch"), "9.9")


def record(**changes):
    prediction = {
        "Value": 41.25,
        "SD": 1.0,
        "Interval95": [39.2, 43.2],
        "Units": "year",
        "InRange": False,
        "Range": [50, 90],
        "LongName": "Predicted age",
        "Description": "About.",
        "Chronological": 30.0,
        "Gap": 11.25,
    }
    volume = {
        **prediction,
        "Value": 15200.0,
        "Units": "mm^3",
        "InRange": True,
        "LongName": "Predicted volume",
    }
    del volume["Gap"], volume["Chronological"]
    return {
        "Scan": "bids:raw:sub-01/anat/sub-01_T1w.nii.gz",
        "Subject": "01",
        "Session": None,
        "Model": {"Name": "open-s", "License": "Apache-2.0", "Notice": "Not <for> clinical use."},
        "Views": 8,
        "Predictions": {"ventricular_volume": volume, "age": prediction},
        "Measured": {"mask_volume_mm3": 1_500_000.0},
        "Participant": {"age_years": 30.0, "sex": "F"},
        "Quality": {"snr_brain": 12.345, "contrast": None},
        "Flags": [{"Name": "x", "Message": "Look <here>", "Severity": "serious"}],
        **changes,
    }


def page(tmp_path, *scans):
    path = tmp_path / "sub-01.html"
    write_participant_report(
        "01", scans, path, versions=VERSIONS, command="neurofm a b", methods="# M\n\nText.", references="@x{}"
    )
    return path.read_text()


@pytest.fixture(scope="module")
def brain_and_mask(brain_image):
    data = np.asarray(brain_image.dataobj, dtype=np.float32)
    image = nib.Nifti1Image(data, brain_image.affine)
    return image, nib.Nifti1Image((data > 0).astype(np.uint8), brain_image.affine)


def strokes(path):
    root = ET.parse(path).getroot()
    return [element.get("stroke") for element in root.iter(f"{SVG}path")]


def test_mask_figure_follows_the_mask(brain_and_mask, tmp_path):
    image, mask = brain_and_mask
    mask_figure(image, mask, tmp_path / "a.svg")
    mask_figure(image, mask, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert set(strokes(tmp_path / "a.svg")) == {"#ff3b30"}
    assert len(strokes(tmp_path / "a.svg")) >= 21  # a contour on each of the 3 x 7 slices
    assert (tmp_path / "a.svg").stat().st_size < 400_000


def test_mask_figure_does_not_depend_on_the_voxel_order(brain_and_mask, tmp_path):
    image, mask = brain_and_mask
    turn = nib.orientations.axcodes2ornt("PIR")
    mask_figure(image, mask, tmp_path / "a.svg")
    mask_figure(image.as_reoriented(turn), mask.as_reoriented(turn), tmp_path / "b.svg")
    one, two = ((tmp_path / name).read_text() for name in ("a.svg", "b.svg"))
    assert re.findall(r"[xyz] = -?\d+ mm", one) == re.findall(r"[xyz] = -?\d+ mm", two)


def test_registration_figure_shows_both_directions(brain_and_mask, tmp_path):
    image, mask = brain_and_mask
    template = load_template()
    path = tmp_path / "r.svg"
    registration_figure(image, mask, template.image, template.mask, np.eye(4), path)
    assert set(strokes(path)) == {"#ff3b30", "#34c0eb"}
    assert len(re.findall("z = 6 mm", path.read_text())) == 2
    assert path.stat().st_size < 1_000_000


def test_grid_figure_shows_grid_and_lattice(tmp_path):
    data = np.zeros((256, 256, 256), np.float32)
    data[80:170, 90:160, 70:180] = 100
    grid_figure(nib.Nifti1Image(data, np.diag([-1, -1, 1, 1])), tmp_path / "g.svg")
    texts = [e.text for e in ET.parse(tmp_path / "g.svg").getroot().iter(f"{SVG}text")]
    assert {"z, 1 mm", "y, 1 mm", "x, 1 mm", "z, 2 mm", "y, 2 mm", "x, 2 mm"} <= set(texts)


def test_report_shows_numbers_with_units_and_escapes(tmp_path):
    text = page(tmp_path, ScanReport("sub-01", record(), None, {}, None))
    assert "41.2 years" in text
    assert "15.2 ml" in text
    assert "1,500.0 ml" in text
    assert "gap +11.2 years" in text
    assert "outside the range the model was made for" in text
    assert "Not &lt;for&gt; clinical use." in text
    assert "Look &lt;here&gt;" in text
    assert "n/a" in text  # a measure that could not be had
    assert text.index("Predicted age") < text.index("Predicted volume")


def test_report_without_intervals(tmp_path):
    entry = record()["Predictions"]["ventricular_volume"]
    one = {**entry, "SD": None, "Interval95": None}
    text = page(tmp_path, ScanReport("sub-01", record(Predictions={"age": one}, Views=1), None, {}, None))
    assert "n/a" in text


def test_report_of_failures_only(tmp_path):
    failure = ReportFailure("brain", "no <brain> was found", "Look at it.")
    text = page(tmp_path, ScanReport("sub-01_run-1", None, failure, {}, None))
    assert "no &lt;brain&gt; was found. Look at it." in text
    assert "Errors (1)" in text
    for section in ("summary", "anatomical", "quality", "methods", "about", "errors"):
        assert f'id="{section}"' in text


@pytest.mark.parametrize(
    ("changes", "present", "absent"),
    [
        ({}, ("[@deepbet]", "[@n4]", "mean of 8 views"), ()),
        ({"skull_strip": "skip"}, ("skull-stripped already",), ("deepbet",)),
        ({"bias_correction": "none"}, ("No bias correction",), ("@n4",)),
        ({"encode_space": "native", "views": 1}, ("own pose", "a single pass"), ("intervals", "float")),
        ({"views": 16, "precision": "bfloat16"}, ("mean of 16 views", "turns and shifts", "in bfloat16"), ()),
    ],
)
def test_methods_and_references_are_of_what_was_run(changes, present, absent):
    parameters = {**PARAMETERS, **changes}
    text = methods_text(parameters, model="open-s", notice="Notice.", versions=VERSIONS)
    assert all(words in text for words in present)
    assert not any(words in text for words in absent)
    keys = set(re.findall(r"@([a-z0-9]+)[\];]", text))
    defined = set(re.findall(r"^@\w+\{(\w+),", bibliography(parameters), re.MULTILINE))
    assert keys == defined


@pytest.mark.browser
def test_pages_render_in_a_browser(brain_and_mask, tmp_path):
    import shutil
    import subprocess

    from PIL import Image

    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    if browser is None:
        pytest.skip("no chromium is installed")
    mask_figure(*brain_and_mask, tmp_path / "mask.svg")
    page(tmp_path, ScanReport("sub-01", record(), None, {"mask": tmp_path / "mask.svg"}, None))
    shot = tmp_path / "page.png"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--screenshot={shot}"]
    subprocess.run(
        [*command, "--window-size=1000,1600", f"file://{tmp_path / 'sub-01.html'}"], check=True, timeout=120
    )
    pixels = np.asarray(Image.open(shot).convert("RGB")).reshape(-1, 3).astype(int)
    assert (pixels.max(axis=1) < 10).mean() > 0.1  # the black of the figure
    assert ((pixels[:, 0] - pixels[:, 1:].max(axis=1)) > 80).any()  # the red of the contours
