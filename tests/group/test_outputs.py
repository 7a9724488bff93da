"""What the group level writes for scans of several output folders."""

import html
import json
import re
import shutil
from urllib.parse import unquote

import pandas as pd
import pytest

from neurofm_bids.analysis_options import Analyses
from neurofm_bids.cli.main import main
from neurofm_bids.group.outputs import GroupResult
from neurofm_bids.group.run import write_group
from neurofm_bids.named_path import NamedPath
from neurofm_bids.records.flag import Flag
from neurofm_bids.storage.locks import Locks
from tests.group.folders import write_dataset, write_folder, write_shards, write_sites
from tests.tables import read_rows

PREDICTIONS = "group_desc-openS_predictions.tsv"


def group(out, bids, *inputs, **options):
    return write_group(out, "openS", bids_dir=bids, analyses=Analyses(tuple(inputs)), **options)


def pages(out):
    """Return the files that the report links, and their content."""
    page = (out / "group_desc-openS.html").read_text()
    links = {unquote(html.unescape(one)) for one in re.findall(r'"([^"]*sub-[^"]*\.html)', page)}
    return {link: (out / link).read_text() for link in links}


def test_shards_give_the_tables_of_one_folder(tmp_path):
    bids, one, two = write_shards(tmp_path)
    whole = tmp_path / "whole"
    shutil.copytree(one, whole)
    shutil.copytree(two, whole, dirs_exist_ok=True)
    expected = group(whole, bids)
    result = group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two))
    assert result == GroupResult(4, (), result.paths, expected.warnings)
    assert [path.name for path in result.paths] == [path.name for path in expected.paths]
    for path in expected.paths[:-1]:
        assert (tmp_path / "out" / path.relative_to(whole)).read_bytes() == path.read_bytes(), path.name
    about = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert about["DatasetLinks"] == {"raw": "../bids"}
    assert not list(one.glob("group_*")) + list(two.glob("group_*"))


def test_scans_of_out_dir_are_in_the_tables_too_and_folders_may_lie_in_each_other(tmp_path):
    bids, one, two = write_shards(tmp_path)
    inner = one / "derivatives" / "all"
    shutil.copytree(two, inner)
    about = json.loads((inner / "dataset_description.json").read_text())
    (inner / "dataset_description.json").write_text(
        json.dumps({**about, "DatasetLinks": {"raw": "../../../bids"}})
    )
    group(inner, bids, NamedPath("", one))
    rows = read_rows(inner / PREDICTIONS)
    assert [row["participant_id"] for row in rows] == ["sub-01", "sub-02", "sub-03", "sub-04"]
    assert pages(inner) == {
        "../../sub-01.html": "report of sub-01 in out_1",
        "sub-02.html": "report of sub-02 in out_2",
        "../../sub-03.html": "report of sub-03 in out_1",
        "sub-04.html": "report of sub-04 in out_2",
    }
    assert (
        json.loads((inner / "dataset_description.json").read_text())["DatasetLinks"]["raw"] == "../../../bids"
    )


def test_sites_are_told_apart_by_names(tmp_path):
    north, _, one, two = write_sites(tmp_path)
    two.rename(tmp_path / "out s#1")  # a name that a link must quote
    result = group(tmp_path / "out", north, NamedPath("", one), NamedPath("s", tmp_path / "out s#1"))
    assert (result.rows, result.missing) == (4, ())
    rows = read_rows(tmp_path / "out" / PREDICTIONS)
    assert [(row["participant_id"], row["scan"], row["chronological_age_years"]) for row in rows] == [
        ("sub-01", "sub-01/anat/sub-01_T1w.nii.gz", "31"),
        ("sub-02", "sub-02/anat/sub-02_T1w.nii.gz", "42"),
        ("sub-s01", "sub-s01/anat/sub-s01_T1w.nii.gz", "31"),
        ("sub-s03", "sub-s03/anat/sub-s03_T1w.nii.gz", "53"),
    ]
    table = pd.read_parquet(tmp_path / "out" / "group_desc-openS_covariates.parquet")
    assert table["source_dataset"].to_list() == ["North", "North", "s", "s"]
    assert len(read_rows(tmp_path / "out" / "phenotype" / "neurofm.tsv")) == 4
    assert pages(tmp_path / "out") == {
        "../out_n/sub-01.html": "report of sub-01 in out_n",
        "../out_n/sub-02.html": "report of sub-02 in out_n",
        "../out s#1/sub-01.html": "report of sub-01 in out_s",
        "../out s#1/sub-03.html": "report of sub-03 in out_s",
    }


def test_a_scan_without_row_is_named_and_the_command_ends_with_1(tmp_path, capsys):
    north, _, one, two = write_sites(tmp_path)
    (two / "sub-03" / "anat" / "sub-03_desc-brain_mask.nii.gz").unlink()
    command = [str(north), str(tmp_path / "out"), "group", "--group-inputs", str(one), f"s={two}"]
    assert main(command) == 1
    log = capsys.readouterr().err
    assert "missing: sub-s03: a file is missing: sub-03_desc-brain_mask.nii.gz" in log
    assert "Scans: 3 in the group tables, 1 missing." in log
    (two / "sub-03" / "anat" / "sub-03_desc-brain_mask.nii.gz").write_text("not read")
    assert main(command) == 0


@pytest.mark.parametrize(
    ("label", "rows"), [("01", ["sub-01", "sub-s01"]), ("03", ["sub-s03"]), ("09", None)]
)
def test_labels_select_participants_of_every_dataset(tmp_path, capsys, label, rows):
    north, _, one, two = write_sites(tmp_path)
    command = [str(north), str(tmp_path / "out"), "group", "--group-inputs", str(one), f"s={two}"]
    code = main([*command, "--participant-label", label])
    assert code == (0 if rows else 18)
    if rows:
        assert [row["participant_id"] for row in read_rows(tmp_path / "out" / PREDICTIONS)] == rows
    else:
        assert f"no such participant: {label}" in capsys.readouterr().err


def test_the_next_run_reads_what_has_changed(tmp_path, monkeypatch):
    from neurofm_bids.group import scan_reader

    monkeypatch.setattr(scan_reader, "time_ns", lambda: 2**62)  # files are older than two seconds
    north, _, one, two = write_sites(tmp_path)
    inputs = (NamedPath("", one), NamedPath("s", two))
    group(tmp_path / "out", north, *inputs)
    read, original = [], scan_reader.read_scan
    monkeypatch.setattr(
        scan_reader,
        "read_scan",
        lambda out, scan: read.append((out.out_dir, scan.stem)) or original(out, scan),
    )
    group(tmp_path / "out", north, *inputs)
    assert read == []
    write_folder(two, tmp_path / "south", "sub-01", seed=7)
    group(tmp_path / "out", north, *inputs)
    assert read == [(two, "sub-01")]
    rows = read_rows(tmp_path / "out" / PREDICTIONS)
    assert [row["predicted_age_years"] for row in rows] == ["40", "41", "47", "43"]
    group(tmp_path / "out", north, inputs[0])  # a folder that is left out leaves nothing
    assert [row["participant_id"] for row in read_rows(tmp_path / "out" / PREDICTIONS)] == [
        "sub-01",
        "sub-02",
    ]
    read.clear()
    group(tmp_path / "out", north, *inputs)
    assert read == [(two, "sub-01"), (two, "sub-03")]


def test_other_weights_in_another_folder_are_warned_of(tmp_path):
    bids, one, two = write_shards(tmp_path)
    path = two / "sub-02" / "anat" / "sub-02_desc-openS_{}.json"
    for name, key in (("predictions", "Provenance"), ("features", "NeuroFM")):
        file = path.with_name(path.name.format(name))
        values = json.loads(file.read_text())
        values[key]["Model"]["WeightsSHA256"] = "cd" * 32
        file.write_text(json.dumps(values))
    result = group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two))
    assert result.warnings == (
        "The scans were not all made with the same weights (3 with abababababab, 1 with cdcdcdcdcdcd): they "
        "are not comparable.",
    )


def test_an_active_run_in_an_input_is_warned_of(tmp_path, caplog):
    import multiprocessing

    bids, one, two = write_shards(tmp_path)
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(one / "logs" / ".lock", held, done))
    process.start()
    try:
        assert held.wait(60)
        result = group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two))
    finally:
        done.set()
        process.join()
    assert "A participant run was active" in result.warnings[0]
    assert group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two)).warnings == ()


def _hold(path, held, done):
    with Locks(path) as locks, locks.held("participants", shared=True):
        held.set()
        done.wait(60)


def test_sessions_of_a_participant_in_two_folders_are_one_participant(tmp_path):
    bids = write_dataset(tmp_path / "bids", "01")
    one, two = (write_folder(tmp_path / f"out_{label}", bids, f"sub-01_ses-{label}") for label in "ab")
    group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two))
    (row,) = read_rows(tmp_path / "out" / "phenotype" / "neurofm.tsv")
    assert (row["participant_id"], row["n_scans"]) == ("sub-01", "2")
    assert pages(tmp_path / "out") == {"../out_a/sub-01.html": "report of sub-01_ses-a in out_a"}


def test_failed_scans_are_named_as_in_the_tables(tmp_path):
    north, south, one, two = write_sites(tmp_path)
    write_folder(two, south, "sub-03", flags=(Flag("low_overlap", "Low", "serious"),))
    (warning,) = group(tmp_path / "out", north, NamedPath("", one), NamedPath("s", two)).warnings
    assert warning.startswith("Scans whose quality is judged as fail: 1 (sub-s03).")


def test_folders_of_preprocessed_scans_and_links_of_derivatives_change_no_table(tmp_path):
    bids, one, two = write_shards(tmp_path)
    group(tmp_path / "plain", bids, NamedPath("", one), NamedPath("", two))
    for folder, name in ((one, "fmriprep"), (two, "synthstrip")):
        path = folder / "dataset_description.json"
        about = json.loads(path.read_text())
        links = {name: f"../derivatives/{name}", **about["DatasetLinks"]}
        path.write_text(json.dumps({**about, "DatasetLinks": links}))
        waiting = folder / "interim" / "sub-04"  # there is no image of this name
        waiting.mkdir(parents=True)
        (waiting / "signature.json").write_text("{}")
    result = group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two))
    assert (result.rows, result.missing, result.warnings) == (4, (), ())
    tables = sorted((tmp_path / "plain").glob("group_*.tsv"))
    assert tables
    for path in tables:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes(), path.name
    about = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert about["DatasetLinks"] == {"raw": "../bids"}
    image = bids / "sub-03" / "anat" / "sub-03_run-2_T1w.nii.gz"
    image.parent.mkdir()
    image.write_bytes(b"an image")
    (two / "interim" / "sub-04").rename(two / "interim" / "sub-03_run-2")
    (missing,) = group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two)).missing
    assert missing.stem == "sub-03_run-2"
    assert missing.reason.startswith("preprocessed, and not encoded yet")


def test_the_report_says_that_a_dataset_is_not_known(tmp_path):
    bids, one, two = write_shards(tmp_path)
    (one / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "NeuroFM-BIDS"}]}')
    result = group(tmp_path / "out", bids, NamedPath("", one), NamedPath("", two))
    (warning,) = result.warnings
    assert warning.startswith(f"The dataset of {one} is not known (it links no dataset)")
    assert html.escape(warning) in (tmp_path / "out" / "group_desc-openS.html").read_text()


def test_dry_run_lists_the_scans_of_all_folders_and_writes_nothing(tmp_path, capsys):
    north, _, one, two = write_sites(tmp_path)
    command = [
        str(north),
        str(tmp_path / "out"),
        "group",
        "--group-inputs",
        str(one),
        f"s={two}",
        "--dry-run",
    ]
    assert main(command) == 0
    assert "use   sub-s03/anat/sub-s03_T1w.nii.gz  finished" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_a_new_folder_is_described_with_all_its_sources(tmp_path):
    north, south, one, two = write_sites(tmp_path)
    for folder, license_ in ((north, "CC0"), (south, "CC-BY")):
        about = {
            "Name": "x",
            "BIDSVersion": "1.10.0",
            "License": license_,
            "DatasetDOI": f"doi:{folder.name}",
        }
        (folder / "dataset_description.json").write_text(json.dumps(about))
    (one / "logs").mkdir()
    (one / "logs" / "CITATION.md").write_text("Methods\n\n# Readouts\n\nfitted there\n")
    out = tmp_path / "out"
    group(out, north, NamedPath("", one))
    about = json.loads((out / "dataset_description.json").read_text())
    assert (about["License"], about["SourceDatasets"]) == ("CC0", [{"DOI": "doi:north"}])
    group(out, north, NamedPath("", one), NamedPath("s", two))
    about = json.loads((out / "dataset_description.json").read_text())
    assert about["SourceDatasets"] == [{"DOI": "doi:north"}, {"DOI": "doi:south"}]
    assert "License" not in about
    assert (out / "logs" / "CITATION.md").read_text() == "Methods\n"
