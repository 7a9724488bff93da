from dataclasses import replace

import pytest

from neurofm_bids.anatomy.labels import label_names
from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.attribution import Attribution, RegionAttribution
from neurofm_bids.report.contents import ScanReport
from neurofm_bids.report.figures import LABEL_COLOURS
from neurofm_bids.report.pictures import colour_key, label_colours, pictures_of
from tests.samples import scan_record

NAMES = ("mask", "registration", "template", "bias", "anatomy", "grid")


@pytest.fixture
def scan(tmp_path):
    """Return a function that makes a scan with figures of so many bytes."""

    def make(session, size=100, viewer=100):
        paths = {name: tmp_path / f"{session}_{name}.svg" for name in NAMES}
        for path in paths.values():
            path.write_text("x" * size)
        paths["viewer"] = tmp_path / f"{session}_viewer.nii.gz"
        paths["viewer"].write_bytes(bytes(viewer))
        return ScanReport(scan_record(session=session), Person(), paths)

    return make


def test_every_figure_is_described(scan):
    (shown,) = pictures_of([scan("a")])
    images = [image for picture in shown.pictures for image in picture.images]
    assert len(images) == len(NAMES)
    assert len({image.alt for image in images}) == len(NAMES)
    assert all(image.alt.endswith(", sub-01_ses-a") for image in images)
    assert [p.flicker for p in shown.pictures] == ["contours", "pair", "", "", ""]
    assert shown.viewer
    assert shown.left_out == ()
    assert [bool(picture.key) for picture in shown.pictures] == [
        p.title == "Segmentation" for p in shown.pictures
    ]


def test_one_half_of_a_pair_does_not_flicker(scan):
    made = scan("a")
    figures = {name: path for name, path in made.figures.items() if name != "template"}
    (shown,) = pictures_of([replace(made, figures=figures)])
    assert [p.flicker for p in shown.pictures] == ["contours", "", "", "", ""]


def test_where_room_is_short_every_scan_keeps_its_checks(scan):
    shown = pictures_of([scan(name, 300_000, 700_000) for name in "abc"])
    assert [one.pictures[0].title for one in shown] == ["Brain mask"] * 3
    size = sum(len(i.uri) for one in shown for p in one.pictures for i in p.images)
    assert size + sum(len(one.viewer) for one in shown) < 4_000_000
    for one, name in zip(shown, "abc", strict=True):
        shown_or_not = len(one.pictures) + bool(one.viewer) + sum("template" not in f for f in one.left_out)
        assert shown_or_not == 6
        assert one.left_out
        assert all(file.startswith(name) for file in one.left_out)


def test_attributions_show_their_shares(scan, tmp_path):
    (tmp_path / "a.svg").write_text("x")
    regions = {"Left-Insula": RegionAttribution(0.256, 1.0, 1.0), "CSF": RegionAttribution(0.6, 1.0, 1.0)}
    made = scan("a")
    record = replace(
        made.record,
        attributions={"age": Attribution("Predicted age", "year", 40.0, 20.0, 0.002, 0.05, 8, regions)},
    )
    figures = {**made.figures, "attribution": tmp_path / "a.svg"}
    (shown,) = pictures_of([replace(made, record=record, figures=figures)])
    (picture,) = shown.attributed
    assert [text.title for text in picture.maps] == ["age"]
    assert picture.caption.startswith("Rows from the top: age.")
    assert len(shown.pictures) == 5


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"units": "mm^3", "output": 3540.0, "absolute_completeness_error": 700.0},
            "completeness error 0.2%, 0.7 ml of 3.5 ml",
        ),
        ({"units": "1"}, "completeness error 0.2%, 0.05 of 20"),
        ({"baseline_output": 40.0, "completeness_error": None}, "completeness error 0.05 years of 0 years"),
    ],
)
def test_the_error_of_a_map_is_shown_in_its_units(scan, tmp_path, changes, text):
    (tmp_path / "a.svg").write_text("x")
    one = replace(Attribution("Age", "year", 40.0, 20.0, 0.002, 0.05, 8), **changes)
    made = scan("a")
    record = replace(made.record, attributions={"age": one})
    (shown,) = pictures_of([replace(made, record=record, figures={"attribution": tmp_path / "a.svg"})])
    assert [one.shares for one in shown.attributed[0].maps] == [f"not segmented; {text}"]


def test_masks_that_are_not_our_own_do_not_follow_the_skull(scan):
    whole = scan("1")
    measured = whole.record.measurements
    captions = {}
    for method in ("deepbet", "none", "derivatives"):
        extraction = replace(measured.brain_extraction, method=method)
        record = replace(whole.record, measurements=replace(measured, brain_extraction=extraction))
        (shown,) = pictures_of([replace(whole, record=record)])
        captions[method] = shown.pictures[0].caption
    assert [method for method, text in captions.items() if "inside of the skull" in text] == ["deepbet"]
    assert "skull-stripped before" in captions["none"]
    assert "of another program" in captions["derivatives"]


def test_the_key_has_each_colour_of_the_figure_once():
    key = colour_key()
    assert {colour for _, colour in key} == set(LABEL_COLOURS.values())
    assert len({name for name, _ in key}) == len(key) == len(LABEL_COLOURS)
    assert dict(key)["Hippocampus"] == (220, 216, 20)


def test_labels_have_one_colour_on_both_sides():
    colours = {name: colour for _, name, colour in label_colours()}
    assert colours["Left Hippocampus"] == colours["Right Hippocampus"] == (220, 216, 20)
    assert len(colours) == len(label_names()) - 1  # all but the background
