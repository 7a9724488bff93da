"""The participant report."""

import re
from dataclasses import replace

import pytest

from neurofm_bids.anatomy.weights import bundled_sha256
from neurofm_bids.bids.demographics import Person
from neurofm_bids.records.anatomy import NOTICE, Anatomy, Volume
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.centile import Centile
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.judgement import Judgement
from neurofm_bids.report.contents import ScanReport
from neurofm_bids.report.figures import mask_figure
from neurofm_bids.report.participant import contents_comment, write_participant_report
from tests.samples import PARAMETERS, prediction, scan_record

VERSIONS = {"neurofm-bids": "9.9"}
MADE = {"deepbet": "1", "neurofm-bids": "9.9", "torch": "2"}


def record(**changes):
    made = scan_record(
        predictions={
            "age": prediction(41.25, interval95=(39.2, 43.2), in_range=False, long_name="Predicted age"),
            "ventricular_volume": prediction(15200.0, "mm^3", long_name="Predicted volume"),
        },
        image_quality={"snr_brain": 12.345, "contrast": None},
        flags=(Flag("x", "Look <here>", "serious"),),
        quality=Judgement("fail", ("Look <here>",)),
        not_measured={"contrast": "it has <no> air"},
    )
    model = replace(made.provenance.model, notice="Not <for> clinical use.")
    how = replace(made.provenance, model=model, parameters=PARAMETERS, software=MADE)
    return replace(made, provenance=how, **changes)


def page(tmp_path, *scans, failures=(), **options):
    path = tmp_path / "sub-01.html"
    write_participant_report(path, "01", scans, failures, command="neurofm a b", software=VERSIONS, **options)
    return path.read_text()


def scan(person=Person(30.0, "30", "F", "f"), figures=None, **changes):  # noqa: B008 -- frozen
    return ScanReport(record(**changes), person, figures or {})


def test_report_shows_numbers_with_units_and_escapes(tmp_path):
    text = page(tmp_path, scan())
    assert "41.2 years" in text
    assert "15.2 ml" in text
    assert "1,450.1 ml" in text
    assert "39.2 to 43.2 years" in text
    assert "recorded age 30, gap +11.2 years" in text
    assert "outside the range for which the model was trained" in text
    assert "Not &lt;for&gt; clinical use." in text
    assert "Look &lt;here&gt;" in text
    assert "n/a" in text  # a metric that the image does not allow
    assert "Not measured: it has &lt;no&gt; air. " in text
    assert text.index("Predicted age") < text.index("Predicted volume")
    assert "@" not in text.split('id="methods"')[1].split("<details>")[0]


@pytest.mark.parametrize("name", ["Predicted sex", "Another name"])
def test_a_probability_says_of_what_once(tmp_path, name):
    sex = prediction(0.4, "1", interval95=(0.31, 0.5), long_name=name, of_class="female")
    text = page(tmp_path, scan(predictions={"sex": sex}))
    assert text.count("<h4>Predicted probability of female</h4>") == 1
    assert '<p class="value">0.40</p>' in text
    assert "0.31 to 0.50" in text


def test_what_limits_an_age_stands_beside_the_gap(tmp_path):
    person = Person(89.0, "89+", remarks=("lower_bound", "not_of_session"))
    text = page(tmp_path, scan(person))
    row = next(
        line for line in text.splitlines() if "recorded age at least 89, gap at most -47.8 years" in line
    )
    assert "a lower bound of the age" in row
    assert "not for this session" in row
    assert "Recorded in the dataset: age at least 89 years" in text


def test_voxel_sizes_are_rounded(tmp_path):
    grid = replace(scan().record.measurements.model_grid, voxel_size_mm=(1.0, 4 / 3, 0.80004))
    measurements = replace(scan().record.measurements, model_grid=grid)
    assert "1.0 x 1.333 x 0.8 mm" in page(tmp_path, scan(measurements=measurements))


def test_report_without_intervals_or_age(tmp_path):
    one = prediction(41.0, sd=None, interval95=None)
    text = page(tmp_path, scan(Person(), predictions={"age": one}, views=1))
    assert "Predictions of one pass have no interval." in text
    assert "age unknown, sex unknown" in text
    assert ", gap " not in text


@pytest.mark.parametrize("method", ["none", "deepbet"])
def test_report_names_images_that_were_skull_stripped_before(tmp_path, method):
    made = record().measurements
    made = replace(made, brain_extraction=replace(made.brain_extraction, method=method))
    text = page(tmp_path, scan(measurements=made))
    assert ("treated as already skull-stripped" in text) is (method == "none")


def test_report_of_failures_only(tmp_path):
    failure = Failure("s", "01", "sub-01_run-1", "brain_extraction", "no <brain> was found", "Look at it.")
    text = page(tmp_path, failures=[failure])
    assert "failed in brain extraction: no &lt;brain&gt; was found. Look at it." in text
    assert "Errors (1)" in text
    for section in ("summary", "methods", "about", "errors"):
        assert text.count(f'id="{section}"') == 1
    assert text.index('id="errors"') < text.index('id="methods"')  # they stand first
    assert text.count("No scan was processed.") == 2
    assert "<template" not in text


def test_errors_stand_last_where_there_are_none(tmp_path):
    text = page(tmp_path, scan())
    assert text.index('id="errors"') > text.index('id="about"')
    assert text.count('id="errors"') == 1


def test_a_report_ends_with_the_hash_of_what_it_shows(tmp_path):
    assert page(tmp_path, scan(), contents="abc").endswith(contents_comment("abc"))


def test_the_light_says_more_than_its_colour(tmp_path):
    text = page(tmp_path, scan())
    assert "<b>Quality: Fail.</b>" in text
    assert "<li>Look &lt;here&gt;</li>" in text
    assert text.count('class="light"') == text.count('class="fail"') == 1
    text = page(tmp_path, scan(quality=Judgement("ok")))
    assert "<b>Quality: OK.</b>" in text
    assert "a scan without flags may still be poor" in text
    text = page(tmp_path, scan(quality=Judgement("check", ("The voxels are coarse.",))))
    assert "<b>Quality: Check.</b>" in text
    assert "<li>The voxels are coarse.</li>" in text


def test_centiles_stand_where_there_are_any(tmp_path):
    volumes = {"left_caudate": Volume(3000.0, None, 0.9), "right_caudate": Volume(5000.0, None, 0.8)}
    plain = scan(anatomy=Anatomy(volumes, 2, "ab" * 32))
    assert "Centile" not in page(tmp_path, plain)
    full = replace(
        plain,
        centiles=(
            Centile("left_caudate", "measured", 3000.0, None, 3100.0, -1.2, 12.3, (4.0, 30.0), NOTES),
            Centile("right_caudate", "measured", 5000.0, None, notes=("preview",)),
        ),
        reference="Of the norms X.",
    )
    text = page(tmp_path, full)
    assert 'aria-label="Caudate left: centile 12, interval 4 to 30"' in text
    assert '<td class="number muted">12 (4 to 30)<sup>a</sup></td>' in text
    assert "<sup>a</sup> Volumes of this structure differ systematically" in text
    assert "The network that gave the volume is a preview" in text
    assert "not a diagnosis" in text
    assert "Of the norms X." in text


NOTES = ("preview", "shifted")


def test_the_centile_of_an_unreliable_volume_is_not_shown(tmp_path):
    items = tuple(
        Centile(name, "measured", 3000.0, None, 3100.0, -1.2, value, (4.0, 30.0), notes)
        for name, value, notes in (("brain", 12.3, ()), ("csf", 45.6, ("unreliable",)))
    )
    volumes = {name: Volume(3000.0, None, 0.9) for name in ("brain", "csf")}
    text = page(tmp_path, replace(scan(anatomy=Anatomy(volumes, 2, "ab" * 32)), centiles=items))
    assert '<td class="number">not shown<sup>a</sup></td>' in text
    assert '<td class="number">12 (4 to 30)</td>' in text
    assert text.count('class="centile"') == 1


def test_the_card_of_the_segmentation_is_named(tmp_path):
    volumes = {"csf": Volume(1.2e6, None, 0.95)}
    items = (Centile("csf", "measured", 3000.0, None, notes=("sex_unknown",)),)
    made = scan(anatomy=Anatomy(volumes, 2, bundled_sha256()))
    assert "<code>docs/open-anatomy.md</code>" in page(tmp_path, replace(made, centiles=items))


def test_about_shows_the_recorded_settings(tmp_path):
    maps = {"age": Attribution("Predicted age", "year", 40.0, 20.0, 0.01, 0.2, 8)}
    text = page(tmp_path, scan(attributions=maps)).split('id="about"')[1]
    assert "The command that wrote this report: <code>neurofm a b</code>" in text
    assert "<code>views = " in text
    assert '<th scope="row">Attribution of</th><td>age</td>' in text
    assert "Attribution of" not in page(tmp_path, scan())


def test_why_there_are_no_centiles_is_said(tmp_path):
    volumes = {"left_caudate": Volume(3000.0, None, 0.9), "right_caudate": Volume(5000.0, None, 0.8)}
    items = tuple(Centile(name, "measured", 3000.0, None, notes=("sex_unknown",)) for name in volumes)
    text = page(tmp_path, replace(scan(anatomy=Anatomy(volumes, 2, "ab" * 32)), centiles=items))
    assert "<b>Centiles.</b>" in text
    assert "No centile: the sex is not known" in text
    assert "Bars run" not in text


def test_several_scans_have_courses_and_a_section_each(tmp_path):
    scans = [replace(scan(Person(30.0 + age)), record=renamed(f"ses-{age}")) for age in (1, 2, 3)]
    text = page(tmp_path, *scans)
    assert text.count('<article class="scan"') == 3
    assert 'aria-label="Predicted age of 3 scans: 41.2 years, 41.2 years, 41.2 years"' in text
    assert [text.count(f'id="{name}-{n}"') for name in ("scan", "profile") for n in (1, 2, 3)] == [1] * 6
    assert "Change over sessions" in text
    assert "Left out of the change per year, quality judged as fail: 3 of 3 scans." in text
    assert '<p class="change">' not in text
    assert "Change over sessions" not in page(tmp_path, scans[0])


def test_change_over_sessions_has_an_interval_and_an_index(tmp_path):
    scans = [
        scan(Person(age), scan=renamed(f"ses-{age:g}").scan, quality=Judgement("ok")) for age in (31.5, 33.5)
    ]
    text = page(tmp_path, *scans)
    changes = re.findall('<p class="change">(.*?)</p>', text, re.DOTALL)
    assert changes[0] == "Predicted: <b>+0 years per year</b> (-0.693 to +0.693), reliable change index +0.0"
    assert "an index beyond 1.96 does not show that the person has changed" in text


def renamed(end):
    made = record()
    return replace(made, scan=replace(made.scan, stem=f"sub-01_{end}"))


@pytest.mark.parametrize(
    ("person", "shown"),
    [
        (Person(34.0, "34", "F", "f"), "age 34 years, sex F."),
        (Person(34.299999, "411.6", "M", "1"), "age 34.3 years, sex M."),
        (Person(800 / 365.25, "800"), "age 2.19 years, sex unknown."),
        (Person(100.04, "100.04"), "age 100 years, sex unknown."),
        (
            Person(None, "<18", None, "1", unclear=("age", "sex", "sex_code")),
            "age not understood: &lt;18, sex not understood: 1.",
        ),
        (Person(None, "999", None, "O"), "age unknown (999), sex other (O)."),
    ],
)
def test_recorded_age_and_sex_are_shown_as_known_or_as_written(tmp_path, person, shown):
    assert f"Recorded in the dataset: {shown}" in page(tmp_path, scan(person))


def test_captions_hold_for_unit1_images_too(tmp_path, brain_and_mask):
    (tmp_path / "mask.svg").write_text(mask_figure(*brain_and_mask))
    figures = dict.fromkeys(("mask", "registration", "grid"), tmp_path / "mask.svg")
    uni = replace(record().scan, stem="sub-01_rec-UNIT1", uri="bids:raw:sub-01/anat/sub-01_UNIT1.nii.gz")
    text = page(tmp_path, scan(figures=figures, scan=uni))
    images = text.split('id="pictures-1"')[1].split("</section>")[0]
    assert "Red: the brain mask on the image as scanned." in images
    assert "T1w" not in re.sub('data:[^"]*', "", images)
    assert "T1w" not in re.sub('base64,[^"]*', "", (tmp_path / "mask.svg").read_text())


def test_a_long_value_is_shortened(tmp_path):
    text = page(tmp_path, scan(Person(None, "x" * 1000, unclear=("age",))))
    assert f"age not understood: {'x' * 50}, sex" in text


def test_volumes_of_regions_stand_side_by_side(tmp_path):
    volumes = {
        "left_caudate": Volume(3000.0, (2500.0, 3600.0), 0.9),
        "right_caudate": Volume(5000.0, None, 0.8),
        "csf": Volume(1.2e6, None, 0.95),
    }
    text = page(tmp_path, scan(anatomy=Anatomy(volumes, 2, "ab" * 32)))
    rows = re.findall("<tr>.*?</tr>", text[text.index('id="profile-1"') : text.index("Volumes are sums")])
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert [row for row in cells if "Region" not in row] == [
        ["CSF", "", "1,200", "", "", "0.95"],
        ["Caudate", "left", "3.00", "2.50 to 3.60", "-50.0%", "0.80"],
        ["right", "5.00", ""],
    ]
    assert NOTICE in text
    assert "The brain was not segmented." in page(tmp_path, scan())


def test_records_of_earlier_pipeline_versions_have_a_report(tmp_path):
    new = scan()
    made = new.record.provenance
    parameters = {k: v for k, v in made.parameters.items() if k not in {"no_anatomy", "anatomy_phases"}}
    old = replace(new.record, provenance=replace(made, parameters=parameters))
    assert "residual U-Net" not in page(tmp_path, replace(new, record=old))
    assert "residual U-Net" in page(tmp_path, new)
