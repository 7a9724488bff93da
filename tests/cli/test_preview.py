import pytest

from neurofm_bids.cli.main import main
from neurofm_bids.cli.options import parse
from neurofm_bids.cli.preview import preview
from neurofm_bids.errors import NeuroFMError
from neurofm_bids.pipeline.network import load_encoder
from tests.conftest import write_dataset_files
from tests.samples import write_scan

IMAGE = "sub-01/anat/sub-01_T1w.nii.gz"


@pytest.fixture
def folders(bids_dataset, tmp_path):
    """A dataset with one new scan, and an output folder that does not exist; no network is loaded yet."""
    load_encoder.cache_clear()
    root = bids_dataset(IMAGE)
    (root / "participants.tsv").write_text("participant_id\tage\nsub-01\t89+\n")
    return root, tmp_path / "new" / "out"


def run(folders, *arguments):
    return main([*map(str, folders), *arguments, "--dry-run", "-w", str(folders[1].parent / "work")])


def failed_before(out):
    path = out / "logs" / "20260101T000000Z-00000000" / "failed.tsv"
    path.parent.mkdir(parents=True)
    path.write_text(f"scan\tstep\treason\tfix\n{IMAGE}\tregistration\tno overlap\tLook.\n")


def test_new_scans_are_listed_with_known_ages_and_nothing_is_written(folders, capsys):
    assert run(folders, "participant", "group") == 0
    out, log = capsys.readouterr()
    assert out.splitlines() == [
        "what  scan                           why",
        f"run   {IMAGE}  not processed yet",
    ]
    assert "Ages known for 1 of 1 participants." in log
    assert "The network runs on" in log
    assert "The group level would then use the finished scans in" in log
    assert not folders[1].parent.exists()


def test_scans_that_failed_before_have_their_error(folders, capsys):
    failed_before(folders[1])
    assert run(folders, "participant") == 0
    assert f"run   {IMAGE}  failed in registration: no overlap. Look." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), None),
        (("--participant-label", "01"), None),
        (
            ("--session-label", "a"),
            "--session-label: 3 ({3}, {1}, {2})",
        ),
        (("--session-label", "a", "--participant-label", "02"), "--session-label: 1 ({2})"),
        (("--bids-filter-file", "{run_2}"), "--bids-filter-file: 4 ({0}, {3}, {4}, {2})"),
        (
            ("--session-label", "a", "--bids-filter-file", "{no_run}"),
            "--session-label and --bids-filter-file: 3 ({3}, {1}, {2})",
        ),
    ],
)
def test_images_that_options_exclude_are_counted_and_named(bids_dataset, tmp_path, capsys, options, line):
    names = ("sub-01/ses-a/anat/sub-01_ses-a", "sub-01/ses-b/anat/sub-01_ses-b_run-2")
    names += (
        "sub-02/ses-b/anat/sub-02_ses-b",
        "sub-01/ses-b/anat/sub-01_ses-b",
        "sub-02/ses-a/anat/sub-02_ses-a",
    )
    images = [f"{name}_T1w.nii" for name in names]
    folders = bids_dataset(*images), tmp_path / "out"
    files = {"run_2": tmp_path / "run_2.json", "no_run": tmp_path / "no_run.json"}
    files["run_2"].write_text('{"t1w": {"run": 2}}')
    files["no_run"].write_text('{"t1w": {"run": null}}')
    assert run(folders, "participant", *(option.format(**files) for option in options)) == 0
    logged = [text for text in capsys.readouterr().err.splitlines() if "excluded by" in text]
    expected = [] if line is None else [f"Images excluded by {line.format(*images)}."]
    assert [text.partition("INFO ")[2] for text in logged] == expected


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("out", "options", "code", "message"),
    [
        ("out", ["--device", "cuda:9"], 64, "device not available: cuda:9"),
        ("out", ["--device", "abacus"], 64, "unknown device: abacus"),
        ("out", ["--weights", "/nowhere.h5"], 66, "weights file not found"),
        ("file", [], 73, "the output folder cannot be used"),
        ("file/out", [], 73, "the output folder cannot be used (Not a directory)"),
        ("link", [], 73, "the output folder cannot be used"),
        ("other", [], 73, "the output folder holds another dataset"),
        ("out", ["-w", "{tmp}/file/work"], 73, "the work folder cannot be created (Not a directory)"),
    ],
)
def test_what_a_run_refuses_a_dry_run_refuses_too(
    bids_dataset, tmp_path, capsys, out, options, code, message, dry
):
    root = bids_dataset(IMAGE)
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("gone")
    write_dataset_files(tmp_path / "other")
    options = [option.format(tmp=tmp_path) for option in options]
    work = ["-w", str(tmp_path / "work")]
    assert main([str(root), str(tmp_path / out), "participant", *work, *options, *dry]) == code
    assert message in capsys.readouterr().err


def test_reports_only_needs_no_device(folders, capsys):
    assert run(folders, "participant", "--reports-only", "--device", "cuda:9") == 0
    assert "no scan would be processed, only reports would be written" in capsys.readouterr().err


def test_the_group_level_lists_the_scans_of_its_tables(tmp_path, capsys):
    (tmp_path / "bids" / "sub-01").mkdir(parents=True)
    out = tmp_path / "out"
    config = parse([str(tmp_path / "bids"), str(out), "group"])
    with pytest.raises(NeuroFMError, match="output folder not found"):
        preview(config)
    write_scan(out, "sub-01")
    write_scan(out, "sub-02").joinpath("sub-02_desc-openS_features.tsv").unlink()
    before = sorted(out.rglob("*"))
    preview(config)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "use      sub-01/anat/sub-01_T1w.nii.gz  finished"
    assert lines[2].startswith("missing  sub-02 ")
    assert "a file is missing: sub-02_desc-openS_features.tsv" in lines[2]
    assert sorted(out.rglob("*")) == before
    (out / "sub-01" / "anat" / "sub-01_desc-openS_predictions.json").unlink()
    with pytest.raises(NeuroFMError, match="no scan has usable outputs of the model openS"):
        preview(config)
