import json

import pytest

from neurofm_bids.bids.participants import read_participants
from neurofm_bids.bids.scans import find_scans, parse_labels, read_filter_file
from neurofm_bids.config import Config
from neurofm_bids.errors import Exit, NeuroFMError

ONE = "sub-01/anat/sub-01_T1w.nii.gz"
TWO = "sub-02/ses-a/anat/sub-02_ses-a_acq-x_run-1_T1w.nii.gz"
THREE = "sub-02/ses-b/anat/sub-02_ses-b_run-02_T1w.nii"


def select(root, **settings):
    return find_scans(Config(bids_dir=root, out_dir=root.parent / "out", **settings))


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
        ({"bids_filter": (("acquisition", "x"),)}, [TWO]),
        ({"bids_filter": (("acquisition", "*"),)}, [TWO]),
        ({"bids_filter": (("acquisition", None), ("session", "*"))}, [THREE]),
        ({"bids_filter": (("run", 2),)}, [THREE]),
        ({"bids_filter": (("run", [1, 2]),)}, [TWO, THREE]),
    ],
)
def test_selection(bids_dataset, settings, expected):
    assert names(select(bids_dataset(ONE, TWO, THREE), **settings)) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"participant_label": ("01", "77")}, "no such participant: 77"),
        ({"session_label": ("zz",)}, "no T1w image is selected"),
    ],
)
def test_nothing_selected(bids_dataset, settings, message):
    with pytest.raises(NeuroFMError, match=message) as error:
        select(bids_dataset(ONE), **settings)
    assert error.value.code is Exit.NOTHING_SELECTED


def test_missing_dataset(tmp_path):
    with pytest.raises(NeuroFMError, match="there is no such dataset") as error:
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
    (refused,) = select(root).refused
    assert (refused.path.name, refused.scan) == ("sub-05", None)


def test_labels_from_a_file(tmp_path):
    (tmp_path / "labels.txt").write_text("sub-01\n02\n\n")
    assert parse_labels([str(tmp_path / "labels.txt"), "ses-b", "02"]) == ("01", "02", "b")


def test_filter_file(tmp_path):
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"t1w": {"acquisition": "mprage", "datatype": "anat"}}))
    assert read_filter_file(path) == (("acquisition", "mprage"),)
    path.write_text(json.dumps({"t1w": {"acquisitions": "mprage"}}))
    with pytest.raises(NeuroFMError, match="unknown filter acquisitions") as error:
        read_filter_file(path)
    assert error.value.code is Exit.USAGE


def test_participants(tmp_path):
    rows = ["participant_id age gender", "sub-01 35 m", "02 89+ Female", "sub-03 n/a 1", "sub-01 9 f"]
    text = "\ufeff" + "\r\n".join(row.replace(" ", "\t") for row in rows)
    (tmp_path / "participants.tsv").write_text(text, encoding="utf-8")
    found = read_participants(tmp_path)
    assert [(p.age_years, p.sex) for p in found.values()] == [(35, "M"), (89, "F"), (None, None)]
    assert read_participants(tmp_path / "nowhere") == {}
