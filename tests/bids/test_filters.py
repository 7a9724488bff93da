import json
import re

import pytest

from neurofm_bids.bids.filters import Selector, read_filter_file, selector
from neurofm_bids.cli.main import main
from neurofm_bids.config import Selection
from neurofm_bids.errors import Exit, NeuroFMError


def write_filters(folder, t1w):
    path = folder / "filter.json"
    path.write_text(json.dumps({"t1w": t1w, "bold": {"task": "rest"}}))
    return path


def test_filters_are_those_of_the_t1w_section(tmp_path):
    path = write_filters(
        tmp_path, {"run": [1, 2], "acquisition": "mprage", "datatype": "anat", "suffix": ["T1w"]}
    )
    assert read_filter_file(path) == (("acquisition", "mprage"), ("run", [1, 2]), ("suffix", ["T1w"]))
    path.write_text('{"bold": {"task": "rest"}}')
    assert read_filter_file(path) == ()


@pytest.mark.parametrize(
    ("t1w", "message"),
    [
        ({"acquisitions": "mprage"}, "unknown filter acquisitions"),
        ({"run": 1.5}, "the filter run has a value that cannot be used"),
        ({"run": True}, "the filter run has a value that cannot be used"),
        ({"acquisition": {"name": "mprage"}}, "the filter acquisition has a value that cannot be used"),
        ({"session": ["a", ["b"]]}, "the filter session has a value that cannot be used"),
        ({"Acquisition": "mprage"}, "unknown filter Acquisition"),
        ({"direction": None}, "unknown filter direction"),
        ({"session": []}, "the filter session has a value that cannot be used"),
        ({"session": "Query.SOME"}, "the filter session has a value that cannot be used"),
        ({"run": [None, "query.some"]}, 'the filter run has a value that cannot be used: "query.some"'),
        ({"run": ""}, "the filter run has a value that cannot be used"),
        ({"run": -1}, "the filter run has a value that cannot be used: -1"),
        ({"run": "run-"}, 'the filter run has a value that cannot be used: "run-"'),
        ({"run": "ses-1"}, 'the filter run has a value that cannot be used: "ses-1"'),
        ({"acquisition": ["x", "mp*"]}, 'the filter acquisition has a value that cannot be used: "mp*"'),
        ({"reconstruction": "a b"}, 'the filter reconstruction has a value that cannot be used: "a b"'),
        ({"suffix": "Query.SOME"}, 'the filter suffix has a value that cannot be used: "Query.SOME"'),
        ({"suffix": "T2w"}, "the filter suffix excludes T1w and UNIT1, the only ones processed"),
        ({"suffix": "t1w"}, "the filter suffix excludes T1w and UNIT1"),
        ({"extension": ".mgz"}, "the filter extension excludes nii and nii.gz"),
        ({"space": "MNI152NLin2009cAsym"}, "the filter space excludes raw images"),
        ({"desc": "preproc"}, "the filter desc excludes raw images"),
        ({"datatype": None}, "the filter datatype excludes anat"),
    ],
)
def test_filters_that_cannot_be_used_are_usage_errors_with_their_name(
    bids_dataset, tmp_path, capsys, t1w, message
):
    path = write_filters(tmp_path, t1w)
    with pytest.raises(NeuroFMError, match=re.escape(message)) as error:
        read_filter_file(path)
    assert error.value.code is Exit.USAGE
    root = bids_dataset("sub-01/anat/sub-01_T1w.nii.gz")
    arguments = [
        str(root),
        str(tmp_path / "out"),
        "participant",
        "--bids-filter-file",
        str(path),
        "--dry-run",
    ]
    assert main(arguments) == Exit.USAGE
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("section", "nearest"),
    [("T1w", "t1w"), ("T1W", "t1w"), ("Bold", "bold"), ("anatomy", "t1w"), ("", "t1w")],
)
def test_an_unknown_section_is_a_usage_error_that_names_the_nearest(tmp_path, section, nearest):
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"t1w": {}, section: {"acquisition": "mprage"}}))
    with pytest.raises(NeuroFMError, match=f"unknown section {section}") as error:
        read_filter_file(path)
    assert (error.value.code, error.value.fix) == (Exit.USAGE, f"Did you mean {nearest}?")


@pytest.mark.parametrize(
    ("t1w", "runs"),
    [
        ({"run": [1, 2]}, {"1", "02"}),
        ({"run": 2}, {"02"}),
        ({"run": "02"}, {"02"}),
        ({"run": None}, {None}),
        ({"run": [None, 3]}, {None, "3"}),
        ({"run": "*"}, {"1", "02", "3"}),
        ({"run": "Query.ANY"}, {"1", "02", "3"}),
        ({"run": "Query.NONE"}, {None}),
        ({"run": "<Query.NONE: 1>"}, {None}),
        ({"run": "query.none"}, {None}),
        ({"run": ["QUERY.None", "Query.any"]}, {"1", "02", "3", None}),
        ({"run": ["run-1", "run-2"]}, {"1", "02"}),
        ({"run": "Query.REQUIRED"}, {"1", "02", "3"}),
        ({"run": "Query.OPTIONAL"}, {"1", "02", "3", None}),
        ({"run": ["Query.NONE", 1]}, {None, "1"}),
        (
            {"space": None, "desc": [None, "x"], "extension": ".nii.gz", "suffix": "T1w"},
            {"1", "02", "3", None},
        ),
        ({"subject": "sub-01", "run": [3]}, {"3"}),
        ({}, {"1", "02", "3", None}),
    ],
)
def test_filters_reach_the_plan_of_a_run(bids_dataset, tmp_path, capsys, t1w, runs):
    stems = {run: f"sub-01_run-{run}_T1w" if run else "sub-01_T1w" for run in ("1", "02", "3", None)}
    root = bids_dataset(*(f"sub-01/anat/{stem}.nii.gz" for stem in stems.values()))
    filters = str(write_filters(tmp_path, t1w))
    arguments = [str(root), str(tmp_path / "out"), "participant", "--bids-filter-file", filters, "--dry-run"]
    assert main(arguments) == Exit.OK
    planned = capsys.readouterr().out
    assert {run for run, stem in stems.items() if f"/{stem}.nii.gz" in planned} == runs


_TWICE = ('{"t1w": {"run": 1, "run": 2}}', '{"t1w": {}, "t1w": {}}')


@pytest.mark.parametrize("text", ["", "{", "[]", '{"t1w": [1]}', '{"t1w": 5}', "[" * 100_000, *_TWICE])
def test_filter_files_that_cannot_be_read(tmp_path, text):
    path = tmp_path / "filter.json"
    path.write_text(text)
    with pytest.raises(NeuroFMError, match="the filter file cannot be read") as error:
        read_filter_file(path)
    assert error.value.code is Exit.USAGE


def test_a_filter_file_that_is_not_downloaded_says_how_to_fetch_it(tmp_path):
    path, link, broken = (tmp_path / name for name in ("filter.json", "link.json", "broken.json"))
    path.write_text("/annex/objects/MD5E-s10--abc.json\n")
    link.symlink_to(".git/annex/objects/x")
    broken.symlink_to("gone.json")
    problems = {}
    for file in (path, link, broken, tmp_path / "none.json"):
        with pytest.raises(NeuroFMError) as error:
            read_filter_file(file)
        assert (error.value.code, error.value.where) == (Exit.USAGE, file)
        problems[file.name] = error.value.what, error.value.fix
    unfetched = "the filter file has not been downloaded"
    assert problems == {
        "filter.json": (unfetched, f"Run: datalad get {path}"),
        "link.json": (unfetched, f"Run: datalad get {link}"),
        "broken.json": ("the filter file is a broken symbolic link", "Check --bids-filter-file."),
        "none.json": ("filter file not found", "Check --bids-filter-file."),
    }


def test_a_selector_reads_names_of_images_and_stems_of_outputs(tmp_path):
    path = write_filters(tmp_path, {"suffix": "UNIT1", "reconstruction": None, "extension": "nii"})
    selects = selector(Selection(bids_filter_file=path, session_label=("a",)))
    names = (
        "sub-01_ses-a_UNIT1.nii",
        "sub-01_ses-a_UNIT1.nii.gz",
        "sub-01_ses-a_T1w.nii",
        "sub-01_UNIT1.nii",
    )
    assert [selects("01", name) for name in names] == [True, False, False, False]
    assert selects("01", "sub-01_ses-a_rec-UNIT1")
    assert [selects.asks_for("suffix", suffix) for suffix in ("UNIT1", "T1w")] == [True, False]
    assert not selects.asks_for("part", "phase")
    assert Selector(participants=("02",))("01", "sub-01") is False


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [
        ("phase", {"phase"}),
        ("*", {"phase", "real"}),
        ("Query.REQUIRED", {"phase", "real"}),
        (["real", "*"], {"phase", "real"}),
        (None, set()),
        ("Query.OPTIONAL", set()),
        (["Query.OPTIONAL"], set()),
        ([None, "*"], set()),
        ([None, "part-real"], {"real"}),
        (["Query.OPTIONAL", "real"], {"real"}),
        (["Query.NONE", "*", "real"], {"real"}),
    ],
)
def test_a_filter_that_accepts_the_absence_of_an_entity_asks_only_for_the_labels_it_names(
    tmp_path, wanted, labels
):
    asks_for = Selector(filters=read_filter_file(write_filters(tmp_path, {"part": wanted}))).asks_for
    assert {label for label in ("phase", "real") if asks_for("part", label)} == labels
    assert not asks_for("inv", "1")


def test_labels_in_filters_may_have_the_prefix_of_their_entity(tmp_path):
    filters = {"acquisition": "acq-x", "session": ["ses-a", "b"], "subject": "sub-01", "extension": ".nii"}
    plain = (("acquisition", "x"), ("extension", "nii"), ("session", ["a", "b"]), ("subject", "01"))
    assert read_filter_file(write_filters(tmp_path, filters)) == plain


def test_a_key_that_a_filter_file_has_twice_is_named(tmp_path):
    (tmp_path / "filter.json").write_text('{"t1w": {"run": 1, "run": 2}}')
    with pytest.raises(NeuroFMError, match="it has the key run twice"):
        read_filter_file(tmp_path / "filter.json")


@pytest.mark.parametrize("is_link", [True, False])
def test_a_filter_file_that_was_not_fetched_says_how_to_fetch_it(tmp_path, is_link):
    path, content = tmp_path / "filter.json", ".git/annex/objects/a/b/MD5E-s9--0/MD5E-s9--0"
    if is_link:
        path.symlink_to(content)
    else:
        path.write_text(f"/{content}\n")
    with pytest.raises(NeuroFMError, match=r"the filter file has not been downloaded.*datalad get"):
        read_filter_file(path)
