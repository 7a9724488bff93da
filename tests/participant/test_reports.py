import errno
import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.derivatives import Derivatives
from neurofm_bids.bids.names import DATASET_OUTPUTS
from neurofm_bids.config import Processing
from neurofm_bids.model.registry import model_spec
from neurofm_bids.participant import reports as module
from neurofm_bids.participant.reports import Reports, write_citation
from neurofm_bids.pipeline.write import features_table
from neurofm_bids.records.failure import Failure
from neurofm_bids.records.judgement import Judgement
from neurofm_bids.records.origin import origin_of
from neurofm_bids.storage.locks import Locks
from neurofm_bids.storage.text import read_json
from tests.norms.people import record_of, volumes_of
from tests.readouts.made import made_readout
from tests.report.test_participant import record
from tests.tables import read_rows


@pytest.fixture
def reports(tmp_path):
    """A finished scan, and what writes its report."""
    out, made = Derivatives(tmp_path / "out", "openS"), record()
    out.folder(made.scan).mkdir(parents=True)
    out.path(made.scan, "predictions").write_text(json.dumps(made.to_dict()))
    out.path(made.scan, "sidecar").write_text("{}")
    bids = tmp_path / "bids"
    bids.mkdir()
    (bids / "participants.tsv").write_text("participant_id\tage\nsub-01\t30\n")
    with Locks(tmp_path / "lock") as locks:
        yield Reports(out, Covariates(bids), "neurofm a b", locks)


def test_a_report_is_written_once(reports):
    path = reports.out.report("01")
    assert reports.refresh(["01", "01"]) == {path}
    assert "recorded age 30" in path.read_text()
    assert reports.refresh(["01"]) == set()


def test_records_are_read_once(reports, monkeypatch):
    read = []
    monkeypatch.setattr(module, "read_json", lambda path: read.append(path) or read_json(path))
    assert reports.refresh(["01"])
    assert read == [reports.out.path(record().scan, "predictions")]


def test_another_age_or_record_makes_a_report_stale(reports, tmp_path):
    reports.refresh(["01"])
    (tmp_path / "bids" / "participants.tsv").write_text("participant_id\tage\nsub-01\t31\n")
    again = Reports(reports.out, Covariates(tmp_path / "bids"), "neurofm a b", reports.locks)
    assert again.refresh(["01"])
    assert "recorded age 31" in reports.out.report("01").read_text()
    reports.out.path(record().scan, "predictions").write_text(json.dumps(record(views=4).to_dict()))
    assert again.refresh(["01"])


def test_dates_of_acquisition_are_the_times_of_sessions(reports, tmp_path):
    for session, year in (("1", 2012), ("2", 2014)):
        uri = f"bids:raw:sub-01/ses-{session}/anat/sub-01_ses-{session}_T1w.nii.gz"
        scan = replace(record().scan, uri=uri, stem=f"sub-01_ses-{session}", session=session)
        made = record(scan=scan, quality=Judgement("ok"))
        reports.out.folder(scan).mkdir(parents=True)
        reports.out.path(scan, "predictions").write_text(json.dumps(made.to_dict()))
        reports.out.path(scan, "sidecar").write_text("{}")
        folder = tmp_path / "bids" / "sub-01" / f"ses-{session}"
        folder.mkdir(parents=True)
        table = f"filename\tacq_time\nanat/sub-01_ses-{session}_T1w.nii.gz\t{year}-05-01T00:00:00\n"
        (folder / f"sub-01_ses-{session}_scans.tsv").write_text(table)
    reports.out.path(record().scan, "sidecar").unlink()
    dated = Reports(reports.out, Covariates(tmp_path / "bids"), "neurofm a b", reports.locks)
    dated.write(["01"])
    text = reports.out.report("01").read_text()
    assert "Times come from the dates of acquisition" in text
    assert "reliable change index +0.0" in text
    again = Reports(reports.out, Covariates(tmp_path / "bids"), "neurofm a b", reports.locks)
    assert not again.refresh(["01"])
    table = tmp_path / "bids" / "sub-01" / "ses-2" / "sub-01_ses-2_scans.tsv"
    table.write_text(table.read_text().replace("2014", "2015"))
    assert Reports(reports.out, Covariates(tmp_path / "bids"), "", reports.locks).refresh(["01"])


@pytest.mark.parametrize("text", ["{", "{}", "[" * 100_000])
def test_a_record_that_cannot_be_read_costs_its_own_part_only(reports, caplog, text):
    uri = "bids:raw:sub-01/anat/sub-01_run-2_T1w.nii.gz"
    good = record(scan=replace(record().scan, stem="sub-01_run-2", uri=uri))
    reports.out.path(good.scan, "predictions").write_text(json.dumps(good.to_dict()))
    reports.out.path(good.scan, "sidecar").write_text("{}")
    reports.out.path(record().scan, "predictions").write_text(text)
    assert reports.refresh(["01"]) == {reports.out.report("01")}
    page = reports.out.report("01").read_text()
    assert "sub-01_run-2" in page
    assert "The record of sub-01 cannot be read" in caplog.text
    assert reports.refresh(["01"]) == set()


def test_failures_have_a_report_and_unfinished_scans_none(reports):
    reports.out.path(record().scan, "sidecar").unlink()
    assert reports.write(["01"]) == set()
    failure = Failure("s", "01", "sub-01", "registration", "it failed", "Look.")
    assert reports.write(["01"], [failure]) == {reports.out.report("01")}
    assert "failed in registration: it failed" in reports.out.report("01").read_text()


def test_an_error_that_no_longer_exists_leaves_the_report(reports):
    failure = Failure(
        "sub-01/anat/sub-01_T1w.nii", "01", "sub-01", "select", "its JSON is invalid", "Fix it."
    )
    assert reports.refresh(["01"])
    assert reports.write(["01"], [failure])
    assert "its JSON is invalid" in reports.out.report("01").read_text()
    assert reports.refresh(["01"]) == {reports.out.report("01")}
    assert "its JSON is invalid" not in reports.out.report("01").read_text()
    assert reports.refresh(["01"]) == set()


def orphan(reports, subject):
    failure = Failure("s", subject, f"sub-{subject}", "registration", "it failed", "Look.")
    (path,) = reports.write([subject], [failure])
    return path


def features_of_another_model(out):
    path = out / "sub-09" / "ses-a" / "anat" / "sub-09_ses-a_desc-neurofmS_features.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}")


@pytest.mark.parametrize(
    ("change", "subjects", "stays"),
    [
        (lambda path: None, set(), False),
        (lambda path: None, {"09"}, True),
        (lambda path: features_of_another_model(path.parent), set(), True),
        (lambda path: path.write_text("a page of somebody else" * 99), set(), True),
        (lambda path: path.write_text(path.read_text() + "edited"), set(), True),
        (lambda path: path.write_text(""), set(), True),
        (lambda path: path.symlink_to(path.rename(path.parent / "kept.html")), set(), True),
    ],
)
def test_a_report_of_errors_is_removed_with_its_images(reports, caplog, change, subjects, stays):
    caplog.set_level("INFO")
    reports.refresh(["01"])
    path = orphan(reports, "09")
    change(path)
    reports.remove_orphans(subjects)
    assert path.exists() is stays
    assert ("Removed sub-09.html" in caplog.text) is not stays
    assert reports.out.report("01").exists()


def refusing(monkeypatch, owner, name, path):
    """Let a function of the system refuse one path, as a file server does."""
    real = getattr(owner, name)

    def refuse(where, *arguments, **options):
        if os.fspath(where) == os.fspath(path):
            raise OSError(errno.EIO, "Input/output error", os.fspath(path))
        return real(where, *arguments, **options)

    monkeypatch.setattr(owner, name, refuse)


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_report_that_cannot_be_removed_is_named_and_the_others_go(reports, monkeypatch, caplog):
    stuck, other = orphan(reports, "08"), orphan(reports, "09")
    refusing(monkeypatch, Path, "unlink", stuck)
    reports.remove_orphans(set())
    assert stuck.exists()
    assert not other.exists()
    assert warnings(caplog) == [f"{stuck} shows no selected scan and cannot be removed (Input/output error)."]


def test_a_report_is_kept_while_the_outputs_of_its_participant_cannot_be_read(reports, monkeypatch, caplog):
    kept, other = orphan(reports, "08"), orphan(reports, "09")
    folder = kept.with_suffix("") / "anat"
    folder.mkdir(parents=True)
    refusing(monkeypatch, os, "scandir", folder)
    reports.remove_orphans(set())
    assert kept.exists()
    assert not other.exists()
    assert warnings(caplog) == [f"sub-08.html is kept: {folder} cannot be read (Input/output error)."]


def figure_of(out):
    path = out.path(record().scan, "mask_figure")
    path.parent.mkdir(exist_ok=True)
    path.write_text("<svg/>")
    return path


@pytest.mark.parametrize(
    ("owner", "name", "path_in", "reason"),
    [
        (os, "scandir", lambda out: out.folder(record().scan), "a folder cannot be read (Input/output"),
        (Path, "is_file", lambda out: out.path(record().scan, "sidecar"), "{} cannot be read (Input/output"),
        (Path, "read_bytes", figure_of, "{} cannot be read (Input/output error). Check it and run"),
    ],
)
def test_outputs_that_cannot_be_read_cost_their_own_report_only(
    reports, monkeypatch, caplog, owner, name, path_in, reason
):
    path = path_in(reports.out)
    refusing(monkeypatch, owner, name, path)
    failure = Failure("s", "09", "sub-09", "registration", "it failed", "Look.")
    assert reports.write(["01", "09"], [failure]) == {reports.out.report("09")}
    assert reports.unwritten == {"01"}
    reports.check_images(["01"])
    (message,) = warnings(caplog)
    assert message.startswith(f"The report of sub-01 is not written: {reason.format(path)}")


def test_files_of_any_name_are_left_alone(reports):
    path = reports.out.out_dir / os.fsdecode(b"sub-\xff.html")
    path.write_text("not ours" * 99)
    reports.remove_orphans(set())
    assert path.exists()


def test_judgements_are_those_of_the_records(reports):
    judged = Judgement("fail", ("Look. Look at the mask.", "No."))
    reports.out.path(record().scan, "predictions").write_text(json.dumps(record(quality=judged).to_dict()))
    reports.refresh(["01"])
    assert reports.judged == {"sub-01": judged}


def test_the_citation_is_of_what_is_run(reports):
    write_citation(reports.out, Processing(template="MNI152NLin6Asym", views=1), model_spec("open-s"))
    text = (reports.out.out_dir / DATASET_OUTPUTS["citation"]).read_text()
    assert "MNI152NLin6Asym [@mni6]" in text
    assert "@incollection{mni6" in (reports.out.out_dir / DATASET_OUTPUTS["bibliography"]).read_text()


def reported():
    """Return a provenance with all that the report shows, of the bundled weights."""
    made = record().provenance
    return replace(made, model=replace(made.model, weights_sha256=model_spec("open-s").sha256))


def test_centiles_follow_the_tables_of_the_dataset(reports, tmp_path):
    made = record_of(volumes_of(30.0), provenance=reported())
    table = tmp_path / "bids" / "participants.tsv"
    reports.out.path(made.scan, "predictions").write_text(json.dumps(made.to_dict()))
    path = reports.out.path(made.scan, "centiles")

    def brain(*ages_and_sex):
        table.write_text("participant_id\tage\tsex\nsub-01\t" + "\t".join(ages_and_sex) + "\n")
        replace(reports, covariates=Covariates(tmp_path / "bids")).refresh(["01"])
        return next(row for row in read_rows(path) if row["name"] == "brain")

    assert float(brain("30", "F")["centile"]) == pytest.approx(50, abs=0.01)
    assert float(brain("80", "F")["centile"]) > 95
    assert brain("80", "n/a")["centile_notes"] == "preview;sex_unknown"


def test_centiles_of_a_scan_that_is_processed_again_do_not_stay(reports):
    made = record_of(volumes_of(30.0), provenance=reported())
    reports.out.path(made.scan, "predictions").write_text(json.dumps(made.to_dict()))
    reports.refresh(["01"])
    path = reports.out.path(made.scan, "centiles")
    assert path.is_file()
    reports.out.forget(made.scan)
    assert not path.exists()
    assert not path.with_suffix(".json").exists()


@pytest.fixture
def printing(reports, tmp_path):
    """Reports that a program prints which notes how often it was called."""
    script = (
        'for a in "$@"; do case $a in --print-to-pdf=*) echo "%PDF" > "${a#*=}"; echo x >> NOTE;; esac; done'
    )
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\n{script.replace('NOTE', str(tmp_path / 'note'))}\n")
    browser.chmod(0o755)
    return replace(reports, browser=str(browser))


def test_reports_are_printed_when_they_are_written(printing, tmp_path):
    pdf = printing.out.report("01").with_suffix(".pdf")
    assert printing.refresh(["01"])
    assert pdf.read_bytes() == b"%PDF\n"
    assert printing.refresh(["01"]) == set()
    pdf.unlink()
    assert printing.refresh(["01"])
    assert pdf.exists()
    assert (tmp_path / "note").read_text() == "x\nx\n"


def test_a_report_without_its_pdf_is_kept_and_counts_as_unwritten(printing, tmp_path, caplog):
    (tmp_path / "browser").write_text("#!/bin/sh\nexit 3\n")
    assert printing.refresh(["01"]) == {printing.out.report("01")}
    assert printing.out.report("01").exists()
    assert printing.unwritten == {"01"}
    assert "sub-01.pdf is not written" in caplog.text
    assert "wrote no PDF (exit code 3)" in caplog.text


def test_a_pdf_of_an_older_report_is_named(printing, reports, caplog):
    printing.refresh(["01"])
    reports.out.path(record().scan, "predictions").write_text(json.dumps(record(views=4).to_dict()))
    assert reports.refresh(["01"])
    assert warnings(caplog) == ["sub-01.pdf is older than the report: print it again with --pdf."]


def test_a_new_figure_makes_a_report_stale(reports):
    reports.refresh(["01"])
    figure_of(reports.out)
    assert reports.refresh(["01"])
    assert "Brain mask" in reports.out.report("01").read_text()


SCORED = made_readout(origin=origin_of(record()))


def with_features(reports):
    path = reports.out.path(record().scan, "features")
    path.write_text(features_table(np.array([0.5, 0.25], dtype=np.float32)))
    return path


def test_scores_are_made_with_the_report_and_go_with_their_readout(reports):
    with_features(reports)
    scored = replace(reports, readouts=(SCORED,))
    table = reports.out.path(record().scan, "readouts")
    assert scored.refresh(["01"])
    assert [row["value"] for row in read_rows(table)] == ["1"]
    assert scored.refresh(["01"]) == set()
    other = made_readout(origin=SCORED.origin, residual_quantile=1.0)
    assert replace(reports, readouts=(other,)).refresh(["01"])
    assert [row["upper95"] for row in read_rows(table)] == ["2"]
    assert reports.refresh(["01"])
    assert not table.exists()
    assert not table.with_suffix(".json").exists()


def test_features_that_cannot_be_read_leave_the_report(reports, caplog):
    with_features(reports).write_text("f000\nhigh\n")
    assert replace(reports, readouts=(SCORED,)).refresh(["01"]) == set()
    assert "The report of sub-01 is not written: the features cannot be read" in caplog.text
    assert reports.unwritten == {"01"}
    assert reports.refresh(["01"])
