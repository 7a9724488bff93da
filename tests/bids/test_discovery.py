import json
import os

import pytest

from neurofm_bids.bids.discovery import find_scans
from neurofm_bids.bids.problems import NOT_LAST
from neurofm_bids.config import Config, Selection
from neurofm_bids.errors import Exit, NeuroFMError

ONE = "sub-01/anat/sub-01_T1w.nii.gz"
TWO = "sub-02/ses-a/anat/sub-02_ses-a_acq-x_run-1_T1w.nii.gz"
THREE = "sub-02/ses-b/anat/sub-02_ses-b_run-02_T1w.nii"


def select(root, t1w=None, **settings):
    if t1w is not None:
        settings["bids_filter_file"] = root.parent / "filter.json"
        settings["bids_filter_file"].write_text(json.dumps({"t1w": t1w}))
    return find_scans(Config(root, root.parent / "out", selection=Selection(**settings)))


def names(selection):
    return [str(scan.relative) for scan in selection.scans]


def test_every_t1w_and_nothing_else(bids_dataset):
    root = bids_dataset(
        ONE,
        TWO,
        THREE,
        "sub-01/anat/sub-01_T2w.nii.gz",
        "sub-01/func/sub-01_task-rest_bold.nii.gz",
        "derivatives/x/sub-01/anat/sub-01_T1w.nii.gz",
        "sourcedata/sub-09/anat/sub-09_T1w.nii.gz",
    )
    selection = select(root)
    assert names(selection) == [ONE, TWO, THREE]
    scan = selection.scans[1]
    assert (scan.subject, scan.session, scan.stem) == ("02", "a", "sub-02_ses-a_acq-x_run-1")
    assert scan.uri == f"bids:raw:{TWO}"


def test_many_participants_use_the_same_rule(bids_dataset):
    images = [f"sub-{i:02d}/anat/sub-{i:02d}_T1w.nii.gz" for i in range(60)]
    root = bids_dataset(*images)
    assert names(select(root, participant_label=("07",))) == [images[7]]
    assert len(select(root).scans) == 60


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"participant_label": ("01",)}, [ONE]),
        ({"session_label": ("b",)}, [THREE]),
        ({"t1w": {"acquisition": "x"}}, [TWO]),
        ({"t1w": {"acquisition": "*"}}, [TWO]),
        ({"t1w": {"acquisition": None, "session": "*"}}, [THREE]),
        ({"t1w": {"run": 2}}, [THREE]),
        ({"t1w": {"run": [1, 2]}}, [TWO, THREE]),
    ],
)
def test_selection(bids_dataset, settings, expected):
    assert names(select(bids_dataset(ONE, TWO, THREE), **settings)) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"participant_label": ("01", "77")}, "no such participant: 77"),
        (
            {"session_label": ("zz", "y")},
            r"no such session: zz, y: .*/bids. Check --session-label.",
        ),
        (
            {"participant_label": ("01",), "t1w": {"run": 7}},
            r"\(images: 1, participants: 1; --participant-label 01, --bids-filter-file .*/filter.json\): ",
        ),
    ],
)
def test_nothing_selected(bids_dataset, settings, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        select(bids_dataset(ONE), **settings)
    assert error.value.code is Exit.NOTHING_SELECTED


@pytest.mark.parametrize(("labels", "used"), [((), ""), (("01",), "; --participant-label 01")])
def test_no_image_at_all(bids_dataset, labels, used):
    root = bids_dataset()
    (root / "sub-01" / "func").mkdir(parents=True)
    with pytest.raises(NeuroFMError) as error:
        select(root, participant_label=labels)
    details = f"images: 0, participants: 1; there is no folder anat{used}"
    assert error.value.what == f"no T1w image is selected ({details})"
    assert error.value.fix == "Check the dataset."


def test_missing_dataset(tmp_path):
    with pytest.raises(NeuroFMError, match="dataset not found") as error:
        select(tmp_path / "nowhere")
    assert error.value.code is Exit.NO_INPUT


@pytest.mark.parametrize(
    "text", [None, "{", "[]", '{"Name": "x"}', '{"Name":"x","BIDSVersion":"1","DatasetType":"derivative"}']
)
def test_not_a_raw_dataset(bids_dataset, text):
    root = bids_dataset(ONE)
    path = root / "dataset_description.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(NeuroFMError, match="not a raw BIDS dataset") as error:
        select(root)
    assert error.value.code is Exit.INVALID_BIDS
    assert names(select(root, skip_bids_validation=True)) == [ONE] or text == "{"


def test_metadata_is_inherited_and_the_nearest_wins(bids_dataset):
    root = bids_dataset(ONE, TWO)
    (root / "T1w.json").write_text('{"a": 1, "b": 1}')
    (root / "acq-x_T1w.json").write_text('{"b": 2}')
    (root / "sub-02/ses-a/anat/sub-02_ses-a_acq-x_run-1_T1w.json").write_text('{"c": 3}')
    one, two = select(root).scans
    assert dict(one.metadata) == {"a": 1, "b": 1}
    assert dict(two.metadata) == {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_malformed_sidecar_costs_only_its_scan(bids_dataset, text):
    root = bids_dataset(ONE, TWO)
    (root / "sub-01/anat/sub-01_T1w.json").write_text(text)
    selection = select(root)
    assert names(selection) == [TWO]
    assert "sub-01_T1w.json" in selection.refused[0].reason


def test_unfetched_and_empty_images_are_refused(bids_dataset):
    root = bids_dataset(ONE, TWO, THREE)
    (root / ONE).unlink()
    (root / ONE).symlink_to("../../.git/annex/objects/xx")
    (root / TWO).write_text("/annex/objects/MD5E-s1--0.nii.gz\n")
    (root / THREE).write_bytes(b"")
    refused = {r.path.name: (r.reason, r.fix) for r in select(root).refused}
    assert f"datalad get {root / ONE}" in refused["sub-01_T1w.nii.gz"][1]
    assert "datalad get" in refused[(root / TWO).name][1]
    assert refused[(root / THREE).name][0] == "the file is empty"


def test_participant_without_images_is_listed(bids_dataset):
    root = bids_dataset(ONE)
    (root / "sub-05/func").mkdir(parents=True)
    (skipped,) = select(root).skipped
    (refused,) = select(root, participant_label=("01", "05")).refused
    assert skipped == refused
    assert (refused.where, refused.scan) == ("sub-05", None)
    assert refused.reason == "no T1w image is selected: there is no folder anat"


def test_sessions_without_images_are_listed_for_whatever_participant(bids_dataset):
    root = bids_dataset(ONE, TWO, "sub-02/ses-b/anat/sub-02_ses-b_T2w.nii.gz")
    (root / "sub-02/ses-c/func").mkdir(parents=True)
    for labels in ((), ("02",)):
        selection = select(root, participant_label=labels)
        assert selection.refused == ()
        assert {bad.where: bad.reason.partition(": ")[2] for bad in selection.skipped} == {
            "sub-02/ses-b": "anat has T2w only",
            "sub-02/ses-c": "there is no folder anat",
        }
    assert select(root, session_label=("a",)).skipped[0].where == "sub-01"


def test_images_whose_names_go_on_are_skipped_with_what_to_do(bids_dataset):
    root = bids_dataset(ONE, "sub-01/anat/sub-01_T1w_brain.nii.gz")
    (skipped,) = select(root).skipped
    assert (skipped.where, *NOT_LAST) == (
        "sub-01/anat/sub-01_T1w_brain.nii.gz",
        skipped.reason,
        skipped.fix,
    )


def test_sessions_that_link_back_are_entered_once(bids_dataset):
    root = bids_dataset(ONE)
    (root / "sub-01" / "ses-a").symlink_to(".")
    (root / "sub-01" / "anat" / "anat").symlink_to("..")
    selection = select(root)
    assert names(selection) == [ONE]
    assert [bad.reason for bad in selection.refused] == ["the file name does not match its folder"]


def test_folders_named_as_images_do_not_vanish(bids_dataset):
    root = bids_dataset(ONE)
    folder = root / "sub-02" / "ses-a" / "anat" / "sub-02_ses-a_T1w.nii.gz"
    folder.mkdir(parents=True)
    (refused,) = select(root).refused
    assert (refused.path, refused.reason) == (folder, "this is not a regular file")


def test_names_that_are_not_utf8_are_refused_by_a_name_that_is(bids_dataset):
    root = bids_dataset(ONE)
    anat = root / "sub-02\udcff" / "anat"
    anat.mkdir(parents=True)
    (anat / "sub-02\udcff_T1w.nii.gz").write_bytes(b"")
    (refused,) = select(root).refused
    assert refused.reason == "the file name is not valid in BIDS"
    assert str(refused.path.relative_to(root)) == "sub-02\ufffd/anat/sub-02\ufffd_T1w.nii.gz"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("sub-02", "the symbolic link is circular"),
        ("/nowhere", "the symbolic link is broken"),
        ("../.git/annex/objects/x", "the image has not been downloaded"),
    ],
)
def test_participants_that_lead_nowhere_do_not_vanish(bids_dataset, target, reason):
    root = bids_dataset(ONE)
    (root / "sub-02").symlink_to(target)
    for labels in ((), ("02",)):
        (refused,) = select(root, participant_label=labels).refused
        assert (refused.path.name, refused.reason, refused.scan.subject) == ("sub-02", reason, "02")
    assert select(root, participant_label=("01",)).refused == ()


def test_pipes_are_not_opened(bids_dataset):
    root = bids_dataset(ONE, TWO)
    (root / ONE).unlink()
    os.mkfifo(root / ONE)
    os.mkfifo((root / TWO).with_name("sub-02_ses-a_T1w.json"))
    assert {bad.reason for bad in select(root).refused} == {
        "this is not a regular file",
        "the sidecar sub-02_ses-a_T1w.json cannot be read (this is not a regular file)",
    }


def test_twins_in_upper_and_lower_case_are_processed_with_a_warning(bids_dataset, caplog):
    images = [f"sub-{label}/anat/sub-{label}_T1w.nii.gz" for label in ("a", "A", "b")]
    assert names(select(bids_dataset(*images))) == sorted(images)
    assert "participant labels differ only in case: sub-A, sub-a" in caplog.text


def test_two_files_with_the_same_outputs(bids_dataset):
    other = "sub-01/anat/sub-01_T1w.nii"
    selection = select(bids_dataset(ONE, other))
    assert names(selection) == [other]
    assert "would overwrite those of sub-01_T1w.nii" in selection.refused[0].reason


def test_a_unit1_image_has_outputs_of_its_own(bids_dataset):
    uni = "sub-01/anat/sub-01_UNIT1.nii.gz"
    scan, other = select(bids_dataset(ONE, uni), t1w={"suffix": "*"}).scans
    assert [str(other.relative), other.stem, scan.stem] == [uni, "sub-01_rec-UNIT1", "sub-01"]
    assert other.entities == (("sub", "01"), ("rec", "UNIT1"))


def test_hidden_sidecars_are_ignored(bids_dataset):
    root = bids_dataset(ONE)
    for path in (root / "._T1w.json", root / ONE.replace("anat/", "anat/._").replace(".nii.gz", ".json")):
        path.write_bytes(b"\0\5\x16\7")
    assert dict(select(root).scans[0].metadata) == {}


@pytest.mark.parametrize("skip", [False, True])
def test_a_description_that_is_not_fetched_says_how_to_fetch_it(bids_dataset, skip):
    root = bids_dataset(ONE)
    path = root / "dataset_description.json"
    path.unlink()
    path.symlink_to(".git/annex/objects/xx")
    with pytest.raises(NeuroFMError) as error:
        select(root, skip_bids_validation=skip)
    assert error.value.what == "dataset_description.json has not been downloaded"
    assert (error.value.fix, error.value.code) == (f"Run: datalad get {path}", Exit.INVALID_BIDS)
