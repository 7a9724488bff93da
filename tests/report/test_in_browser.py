"""The report in a real browser: it runs without an error, and can be seen, read, operated and printed."""

import io
import re
import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from neurofm_bids.bids.demographics import Person
from neurofm_bids.model.registry import model_spec
from neurofm_bids.participant.scored_reports import with_scores
from neurofm_bids.records.anatomy import Anatomy, Volume
from neurofm_bids.records.attribution import Attribution, RegionAttribution
from neurofm_bids.records.centile import Centile
from neurofm_bids.records.judgement import Judgement
from neurofm_bids.report.attribution import attribution_figure
from neurofm_bids.report.contents import Curve, Measured, ScanReport
from neurofm_bids.report.embedding import LIMIT_BYTES
from neurofm_bids.report.figures import (
    anatomy_figure,
    bias_figure,
    grid_figure,
    mask_figure,
    registration_figures,
)
from neurofm_bids.report.participant import write_participant_report
from neurofm_bids.report.pdf import find_browser, print_pdf
from neurofm_bids.report.viewer_volume import viewer_image
from neurofm_bids.storage.atomic import write_nifti
from tests.browsing import browsing
from tests.report.test_profile import READOUTS, SCANNED
from tests.samples import PARAMETERS, prediction, scan_record

pytestmark = pytest.mark.browser

WIDTHS = {"wide": 1280, "narrow": 400}
REGIONS = ("caudate", "putamen", "hippocampus", "amygdala", "thalamus", "insula", "pallidum", "accumbens")
PREDICTED = {"age": (45.0, "year"), "ventricular_volume": (2e4, "mm^3"), "brain_volume": (1.1e6, "mm^3")}


ATTRIBUTED = Attribution(
    "Age", "year", 40.0, 20.0, 0.01, 0.05, 8, {"Insula": RegionAttribution(0.3, 1.0, 1.0)}
)
ATTRIBUTIONS = dict.fromkeys(("age", "sex", "ventricular_volume", "brain_volume"), ATTRIBUTED)


@pytest.fixture(scope="module")
def figures(brain_and_mask, tmp_path_factory):
    image, mask = brain_and_mask
    folder = tmp_path_factory.mktemp("figures")
    inside = np.asarray(mask.dataobj)
    codes = inside * np.where(np.arange(inside.shape[0]) < inside.shape[0] // 2, 17, 53)[:, None, None]
    segmentation = nib.Nifti1Image(codes.astype(np.uint8), image.affine)
    moved, template = registration_figures(image, mask, image, mask, np.eye(4))
    signs = np.where(np.arange(inside.shape[2]) < inside.shape[2] // 2, -0.25, 0.25)
    maps = nib.Nifti1Image(np.stack([inside * signs] * 4, axis=-1).astype(np.float32), image.affine)
    drawn = {
        "mask": mask_figure(image, mask),
        "registration": moved,
        "template": template,
        "bias": bias_figure(image, image, mask),
        "anatomy": anatomy_figure(image, segmentation),
        "attribution": attribution_figure(image, mask, maps, ATTRIBUTIONS),
        "grid": grid_figure(image),
    }
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg)
    viewer = viewer_image(image, mask, segmentation, maps, ATTRIBUTIONS)
    write_nifti(folder / "viewer.nii.gz", viewer)
    return {name: folder / f"{name}.svg" for name in drawn} | {"viewer": folder / "viewer.nii.gz"}


def full_scan(figures, session=None, age=42.0):
    """Return a scan of which everything is known."""
    predictions = {
        name: prediction(value, unit, long_name=name.replace("_", " "), range=(0.5 * value, 2 * value))
        for name, (value, unit) in PREDICTED.items()
    }
    sides = [f"{side}_{name}" for name in REGIONS for side in ("left", "right")]
    volumes = {name: Volume(4000.0, (3500.0, 4500.0), 0.8) for name in sides}
    volumes |= {"brain": Volume(1.1e6, (1.0e6, 1.2e6), 0.9), "csf": Volume(2e5, None, 0.7)}
    made = scan_record(
        session=session,
        predictions=predictions,
        anatomy=Anatomy(volumes, 2, "ab" * 32),
        quality=Judgement("check", ("The voxels are coarse. Look at small structures.",)),
    )
    model = replace(made.provenance.model, notice=model_spec("open-s").notice)
    software = {"deepbet": "1", "neurofm-bids": "9", "torch": "2"}
    how = replace(made.provenance, model=model, parameters=PARAMETERS, software=software)
    lines = {level: (1e4 + 100 * level, 3e4 + 300 * level) for level in (5, 25, 50, 75, 95)}
    shown = ScanReport(
        replace(made, provenance=how, attributions=ATTRIBUTIONS),
        Person(age, str(age), "F", "F"),
        figures,
        tuple(centile(name, volume.mm3) for name, volume in volumes.items()),
        {"ventricular_volume": Curve((20.0, 90.0), lines, "Norms of women.")},
        {"brain_volume": Measured(1.09e6, (1.05e6, 1.13e6), "brain")},
        reference="Share of healthy women with a smaller volume.",
    )
    return with_scores(shown, READOUTS, SCANNED)


def centile(name, mm3):
    notes = ("preview", "shifted") if "left" in name else ("preview",)
    return Centile(name, "measured", mm3, None, mm3, 0.0, 30.0, (10.0, 55.0), notes)


@pytest.fixture(scope="module")
def reports(figures, tmp_path_factory):
    """Reports of one scan and of three, as files."""
    folder = tmp_path_factory.mktemp("reports")
    sessions = (("a", 40.0), ("b", 42.0), ("c", 44.5))
    cases = {"one": [full_scan(figures)], "three": [full_scan(figures, *session) for session in sessions]}
    for name, scans in cases.items():
        path = folder / f"{name}.html"
        write_participant_report(path, "01", scans, [], command="neurofm a b", software={"neurofm-bids": "9"})
    return {name: folder / f"{name}.html" for name in cases}


@pytest.fixture(scope="module")
def tab(browser, tmp_path_factory):
    with browsing(browser, tmp_path_factory.mktemp("profile")) as tab:
        yield tab


@pytest.fixture
def opened(tab, reports, tmp_path):
    """Return a function that opens a report; after the test, no error was logged and nothing was fetched."""

    def look(name="one", width="wide", **media):
        tab.open(reports[name].as_uri(), WIDTHS[width], **media)
        return tab

    yield look
    (tmp_path / "screenshot.png").write_bytes(tab.picture())
    assert tab.messages == []
    assert [uri for uri in tab.requests if not uri.startswith(("file:", "data:"))] == []


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.mark.parametrize("name", ["one", "three"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_screen(opened, name, width, scheme):
    tab = opened(name, width, scheme=scheme)
    assert tab.run("document.documentElement.scrollWidth") <= WIDTHS[width]
    cut = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).length"
    assert width == "narrow" or tab.run(cut) == 0  # tables scroll on narrow screens only
    corner = pixels(tab.picture())[-4:, :4].mean()
    assert (corner > 240) if scheme == "light" else (corner < 40)
    assert tab.run("[...document.images].filter(image => !image.naturalWidth).length") == 0


def test_files_are_small(reports):
    assert all(path.stat().st_size < LIMIT_BYTES for path in reports.values())


def test_the_first_screen_has_quality_and_predictions(opened):
    shown = "[...document.querySelectorAll('.verdict, .card .value')]"
    bottoms = opened().run(f"{shown}.map(e => e.getBoundingClientRect().bottom)")
    assert len(bottoms) == 1 + len(PREDICTED)
    assert max(bottoms) < 900


VISIBLE_TEXTS = """[...document.querySelectorAll('main *, nav a')].filter(e =>
  e.getClientRects().length && !e.closest('svg') &&
  [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).map(e => {
    let back = e;
    while (back && getComputedStyle(back).backgroundColor === 'rgba(0, 0, 0, 0)') back = back.parentElement;
    return [e.tagName + ': ' + e.textContent.trim().slice(0, 30), getComputedStyle(e).color,
            getComputedStyle(back || document.body).backgroundColor];
  })"""


def luminance(colour):
    channels = np.array(re.findall(r"[0-9.]+", colour)[:3], dtype=float) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_the_contrast_of_wcag_aa(opened, scheme):
    texts = opened(scheme=scheme).run(VISIBLE_TEXTS)
    assert len(texts) > 50
    for text, front, back in texts:
        dark, light = sorted((luminance(front), luminance(back)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, front, back)


def test_everything_that_is_drawn_is_described(opened):
    tab = opened("three")
    assert tab.run("[...document.images].filter(image => !image.alt).length") == 0
    assert tab.run("document.querySelectorAll('svg:not([aria-label]):not([aria-hidden])').length") == 0
    assert tab.run("document.querySelectorAll('svg[aria-label]').length") > 40
    names = tab.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(set(names)) == len(names)
    targets = tab.run("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href').slice(1))")
    assert set(targets) <= set(names)


def open_viewer(tab, overlay):
    """Open the viewer with an overlay and return its canvas as it is on the screen."""
    tab.run("document.querySelector('.viewer .open').focus()")
    tab.key("Enter")
    tab.wait("document.querySelector('.viewer').dataset.ready")
    chosen = "document.querySelector('.overlay')"
    tab.run(f"{chosen}.value = '{overlay}'; {chosen}.dispatchEvent(new Event('change'))")
    return drawn(tab, "canvas", 6)


def drawn(tab, selector, border=2):
    """Return the pixels of an element as they are on the screen, without a border."""
    element = f"document.querySelector('{selector}')"
    tab.run(f"{element}.scrollIntoView({{block: 'center'}})")
    tab.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    corners = f"(r => [r.left, r.top, r.right, r.bottom])({element}.getBoundingClientRect())"
    left, top, right, bottom = (round(place) for place in tab.run(corners))
    return pixels(tab.picture())[top + border : bottom - border, left + border : right - border]


def test_the_viewer_shows_a_brain_and_is_operated_by_keyboard(opened, tmp_path):
    tab = opened()
    canvas = open_viewer(tab, "none")
    (tmp_path / "viewer.png").write_bytes(tab.picture())
    grey = (np.ptp(canvas, axis=2) < 12) & (canvas.max(axis=2) > 60)
    assert grey.mean() > 0.1  # tissue
    assert np.unique(canvas[grey].mean(axis=1).round(-1)).size > 8  # in many shades
    assert (canvas.max(axis=2) < 10).mean() > 0.1  # the space around it
    assert tab.run("document.activeElement.tagName") == "CANVAS"
    place = "document.querySelector('.place').textContent"
    before = tab.run(place)
    tab.key("ArrowUp")
    assert tab.run(place) != before
    assert all(re.fullmatch(r"x -?\d+, y -?\d+, z -?\d+ mm: .+", text) for text in (before, tab.run(place)))


@pytest.mark.parametrize(
    ("overlay", "is_coloured"),
    [
        ("mask", lambda p: p[..., 0] - p[..., 1:].max(axis=2) > 40),
        ("labels", lambda p: p[..., :2].min(axis=2) - p[..., 2] > 40),
    ],
)
def test_overlays_of_the_viewer_cover_the_brain(opened, overlay, is_coloured):
    assert is_coloured(open_viewer(opened(), overlay)).mean() > 0.05


def test_a_map_of_attribution_is_chosen_in_the_viewer_and_has_a_colour_bar(opened, tmp_path):
    tab = opened()
    bar = "document.querySelector('.viewer .bar')"
    assert open_viewer(tab, "mask").size
    assert tab.run(f"{bar}.hidden")
    tab.run("document.querySelector('.overlay').focus()")
    tab.key("End")  # the last option
    tab.wait(f"!{bar}.hidden")
    assert tab.run("document.querySelector('.overlay').selectedOptions[0].text") == "attribution: Age"
    canvas = drawn(tab, "canvas")
    (tmp_path / "map.png").write_bytes(tab.picture())
    warm = canvas[..., 0] - canvas[..., 2]
    assert (warm > 40).mean() > 0.02
    assert (warm < -40).mean() > 0.02
    assert (np.abs(warm) < 4).mean() > 0.2  # the space around the brain is not coloured
    texts = tab.run(f"{bar}.innerText")
    assert "\u22120.25" in texts
    assert "+0.25 year/ml" in texts
    assert "blue lowers, orange raises" in texts
    tab.run("document.querySelector('canvas').focus()")
    tab.key("ArrowUp")
    place = tab.run("document.querySelector('.place').innerText")
    assert re.search(r"attribution about -?0\.25 year/ml", place)
    left, *_, right = drawn(tab, ".ramp").mean(axis=0)
    assert left[2] - left[0] > 100  # blue
    assert right[0] - right[2] > 100  # orange


def test_figures_flicker(opened):
    tab = opened()
    pair, contours = (f"document.querySelector('[data-flicker={kind}]')" for kind in ("pair", "contours"))
    shown = f"[...{pair}.querySelectorAll('img')].map(i => getComputedStyle(i).visibility === 'visible')"
    assert tab.run(shown) == [True, True]
    tab.run(f"{pair}.querySelector('.step').focus()")
    states = []
    for _ in range(2):
        tab.key("Space")
        states.append(tab.run(shown))
    assert states == [[False, True], [True, False]]
    tops = tab.run(f"[...{pair}.querySelectorAll('img')].map(i => i.getBoundingClientRect().top)")
    assert tops[0] == tops[1]
    tab.run(f"{pair}.querySelector('.alternate').click()")
    first = str(tab.run(shown)).lower().replace(" ", "")
    tab.wait(f"JSON.stringify({shown}) !== '{first}'", 5)
    tab.run(f"{pair}.querySelector('.alternate').click()")
    tab.run(f"{contours}.querySelector('.step').click()")
    tab.wait(f"{contours}.querySelectorAll('img')[1].naturalWidth")
    drawn = tab.run(f"[...{contours}.querySelectorAll('img')].map(i => i.src.includes('ff3b30'))")
    assert drawn == [True, False]


def test_it_is_complete_without_scripts(opened):
    tab = opened(scripts=False)
    # the debugger reads the page, which it can while scripts of the page are off
    assert not tab.run("document.documentElement.classList.contains('scripted')")
    texts = tab.run("document.querySelector('main').innerText")
    for words in (
        "Quality: Check.",
        "The voxels are coarse.",
        "needs JavaScript",
        "References",
        "Insula 30%",
    ):
        assert words in texts
    assert tab.run("[...document.querySelectorAll('.tools')].every(e => !e.getClientRects().length)")
    assert tab.run("[...document.images].every(i => i.getClientRects().length)")


def test_it_prints_to_few_pages(reports, tmp_path):
    report = tmp_path / "sub-01.html"
    shutil.copy(reports["one"], report)
    data = print_pdf(report, find_browser()).read_bytes()
    assert reports["one"].read_text().count('class="maps"') == 1
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 4
    assert len(data) < LIMIT_BYTES
