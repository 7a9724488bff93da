"""The command as a user runs it, on small brains made from the bundled template."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import nibabel as nib
import numpy as np
import psutil
import pytest

from neurofm_bids.api import NeuroFM
from neurofm_bids.bids.link import other_source
from neurofm_bids.cli.main import main
from neurofm_bids.cli.options import parse
from neurofm_bids.participant.job import make_job
from neurofm_bids.participant.plan import make_plan
from neurofm_bids.participant.run import run_participant
from neurofm_bids.pipeline.provenance import identify_input, software
from neurofm_bids.pipeline.write import features_table
from neurofm_bids.readout import Readout
from neurofm_bids.readouts.file import write_readout
from neurofm_bids.records.feature_table import read_features
from neurofm_bids.records.origin import origin_of
from neurofm_bids.records.scan import ScanRecord
from neurofm_bids.records.schema import json_schema
from tests.conftest import TEMPLATE_BRAIN, write_dataset_files, write_t1w
from tests.readouts.made import all_features
from tests.samples import PARAMETERS, scan_record, write_scan
from tests.tables import failed_rows, read_rows

PARTICIPANTS = "participant_id\tage\tsex\nsub-good\t34\tF\nsub-corrupt\t20\tM\n"
QUICK = ("--views", "2", "--nprocs", "2")


def like(image, data):
    return nib.Nifti1Image(data, image.affine)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory, brain_image):
    """One good scan among a corrupt, a NaN and an all-zero one, and a participant without any."""
    root = write_dataset_files(tmp_path_factory.mktemp("in") / "bids", PARTICIPANTS)
    write_t1w(root, "good", brain_image)
    (root / "T1w.json").write_text('{"MagneticFieldStrength": 3, "EchoTime": 0.003}')
    (root / "sub-good" / "anat" / "sub-good_T1w.json").write_text('{"EchoTime": 0.004}')
    path = write_t1w(root, "corrupt", brain_image)
    path.write_bytes(path.read_bytes()[:5000])
    data = np.asarray(brain_image.dataobj, dtype=np.float32)
    write_t1w(root, "nan", like(brain_image, np.where(data == data.max(), np.nan, data)))
    write_t1w(root, "zero", like(brain_image, np.zeros_like(data)))
    (root / "sub-none" / "anat").mkdir(parents=True)
    return root


def run(root, out, *options):
    return main([str(root), str(out), *options, "-w", str(out.parent / "work")])


@pytest.fixture(scope="module")
def mixed(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("mixed") / "out"
    return run(dataset, out, "participant", "group", *QUICK), out


@pytest.fixture(scope="module")
def alone(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone") / "out"
    code = run(dataset, out, "participant", "--participant-label", "sub-good", *QUICK, "--output-images")
    return code, out


@pytest.fixture
def out(alone, tmp_path):
    """A copy of finished outputs, to change."""
    return Path(shutil.copytree(alone[1], tmp_path / "out"))


def test_bad_scans_are_listed_and_the_good_one_is_done(mixed):
    code, out = mixed
    assert code == 1
    rows = failed_rows(out)
    reasons = {scan.split("/")[0]: row["reason"] for scan, row in rows.items()}
    assert set(reasons) == {"sub-corrupt", "sub-nan", "sub-zero"}
    assert "cannot be read" in reasons["sub-corrupt"]
    assert re.search(r"NaN or infinite voxels \(\d+\)", reasons["sub-nan"])
    assert "all voxels are zero" in reasons["sub-zero"]
    assert all(row["fix"] for row in rows.values())
    assert (out / "sub-good/anat/sub-good_desc-openS_features.tsv").is_file()
    assert not list(out.glob("sub-nan/anat/*"))


def test_failures_have_a_page_and_good_scans_no_errors(mixed):
    _, out = mixed
    assert "all voxels are zero" in (out / "sub-zero.html").read_text()
    good = (out / "sub-good.html").read_text()
    assert "<p>None.</p>" in good
    assert good.count("<img ") == 6


def test_reports_need_no_other_file(mixed):
    _, out = mixed
    for page in out.glob("*.html"):
        text = page.read_text()
        loaded = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", text)
        outside = [link for link in loaded if not link.startswith(("#", "data:", "sub-"))]
        assert outside == [], page.name
        assert "default-src 'none'; img-src data:;" in text


def test_group_names_the_missing(mixed):
    _, out = mixed
    rows = read_rows(out / "group_desc-openS_predictions.tsv")
    assert [row["participant_id"] for row in rows] == ["sub-good"]
    assert float(rows[0]["chronological_age_years"]) == 34
    page = (out / "group_desc-openS.html").read_text()
    assert all(f"sub-{name}" in page for name in ("corrupt", "nan", "zero"))


def test_the_log_says_once_whose_ages_are_known(mixed):
    _, out = mixed
    text = next(out.glob("logs/*/neurofm.log")).read_text()
    assert text.count("Ages known for") == 1
    assert "Ages known for 2 of 4 participants. Sexes known for 2 of 4 participants." in text


def test_cold_runs_are_byte_identical(mixed, alone):
    (_, one), (code, two) = mixed, alone
    assert code == 0
    for name in ("features.tsv", "predictions.json"):
        path = f"sub-good/anat/sub-good_desc-openS_{name}"
        assert (one / path).read_bytes() == (two / path).read_bytes()
    for path in (one / "sub-good/figures").iterdir():
        assert path.read_bytes() == (two / "sub-good/figures" / path.name).read_bytes(), path.name


def test_output_images_say_what_they_are(alone):
    _, out = alone
    anat = out / "sub-good" / "anat"
    grid = nib.load(anat / "sub-good_space-openS_desc-brain_T1w.nii.gz")
    assert grid.shape == (256, 256, 256)
    assert nib.aff2axcodes(grid.affine) == ("L", "I", "A")
    data = np.asarray(grid.dataobj, dtype=np.float64)
    record = json.loads((anat / "sub-good_desc-openS_predictions.json").read_text())
    measured = record["Measurements"]
    assert measured["Standardisation"]["Mean"] == pytest.approx(data.mean(), rel=1e-5)
    assert measured["Standardisation"]["SD"] == pytest.approx(data.std(), rel=1e-5)
    mask = nib.load(anat / "sub-good_desc-brain_mask.nii.gz")
    volume = np.count_nonzero(np.asarray(mask.dataobj)) * abs(np.linalg.det(mask.affine[:3, :3]))
    assert measured["BrainExtraction"]["VolumeMm3"] == pytest.approx(volume, rel=1e-5)


def test_sidecar_holds_the_provenance(dataset, alone):
    import hashlib

    _, out = alone
    sidecar = json.loads((out / "sub-good/anat/sub-good_desc-openS_features.json").read_text())
    record = json.loads((out / "sub-good/anat/sub-good_desc-openS_predictions.json").read_text())
    assert record["Acquisition"] == {"MagneticFieldStrength": 3, "EchoTime": 0.004}
    made = sidecar["NeuroFM"]
    assert made == record["Provenance"]
    image = dataset / "sub-good/anat/sub-good_T1w.nii.gz"
    assert made["Input"]["Hash"] == hashlib.sha256(image.read_bytes()).hexdigest()
    assert made["Parameters"]["encode_space"] == "rigid"
    assert {"torch", "scipy", "deepbet", "neurofm-bids"} <= set(made["Software"])


def test_transform_takes_the_t1w_to_the_template(dataset, alone):
    ants = pytest.importorskip("ants")
    from neurofm_bids.preprocess.registration import load_template

    _, out = alone
    template = load_template()
    fixed = ants.image_read(str(TEMPLATE_BRAIN))
    moving = ants.image_read(str(dataset / "sub-good/anat/sub-good_T1w.nii.gz"))
    name = "sub-good/anat/sub-good_from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.txt"
    moved = ants.apply_transforms(fixed, moving, [str(out / name)]).numpy()
    inside = np.asarray(template.mask.dataobj) > 0
    assert np.corrcoef(moved[inside], np.asarray(template.image.dataobj)[inside])[0, 1] > 0.95


def test_second_run_does_nothing(dataset, alone, capsys):
    _, out = alone
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    assert run(dataset, out, "participant", "--participant-label", "good", *QUICK) == 0
    assert "Nothing to do. Scans up to date: 1 " in capsys.readouterr().err
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


@pytest.mark.fault(
    "An output is empty or truncated, although its sidecar exists", "the scan is processed again"
)
@pytest.mark.parametrize(
    "name", ["desc-openS_features.tsv", "desc-openS_predictions.json", "desc-brain_mask.nii.gz"]
)
def test_a_damaged_output_is_not_up_to_date(dataset, out, capsys, name):
    path = out / "sub-good" / "anat" / f"sub-good_{name}"
    path.write_bytes(path.read_bytes()[:40] if path.suffix == ".json" else b"")
    assert run(dataset, out, "participant", "--participant-label", "good", *QUICK, "--dry-run") == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("run ")


def test_new_age_and_lost_report_are_written_without_computing(dataset, out, tmp_path):
    root = tmp_path / "bids"
    shutil.copytree(dataset, root, copy_function=shutil.copy2)
    (root / "participants.tsv").write_text("participant_id\tage\nsub-good\t70\n")
    (out / "sub-good.html").unlink()
    assert run(root, out, "participant", "--participant-label", "good", *QUICK) == 0
    assert "recorded age 70, gap -" in (out / "sub-good.html").read_text()
    assert other_source(out, root) is None  # linked although there was nothing to do
    (root / "participants.tsv").write_text("participant_id\tage\nsub-good\t71\n")
    assert run(root, out, "participant", "--participant-label", "good", *QUICK) == 0
    assert "recorded age 71, gap -" in (out / "sub-good.html").read_text()


def test_errors_stay_in_a_report_until_they_are_fixed(dataset, out, tmp_path):
    root, page = tmp_path / "bids", out / "sub-good.html"
    shutil.copytree(dataset, root, copy_function=shutil.copy2)
    other = root / "sub-good" / "anat" / "sub-good_run-2_T1w.nii.gz"
    other.touch()
    command = ("participant", "--participant-label", "good", *QUICK)
    assert run(root, out, *command) == 1
    assert "the file is empty" in page.read_text()
    assert run(root, out, *command) == 1
    assert "the file is empty" in page.read_text()
    other.unlink()
    assert run(root, out, *command) == 0
    assert "the file is empty" not in page.read_text()


def test_stop_on_first_crash_lists_what_failed_and_begins_nothing_more(dataset, tmp_path, capsys):
    out = tmp_path / "out"
    labels = ("--participant-label", "corrupt", "good", "nan", "zero")
    options = ("--stop-on-first-crash", "--nprocs", "1", "--views", "1")
    assert run(dataset, out, "participant", *labels, *options) == 1
    assert list(failed_rows(out)) == ["sub-corrupt/anat/sub-corrupt_T1w.nii.gz"]
    assert "Stopped at the first failure" in capsys.readouterr().err
    assert not list(out.glob("sub-good/anat/*"))


def test_a_failure_takes_back_outputs_of_an_older_image(dataset, out, tmp_path):
    root = tmp_path / "bids"
    shutil.copytree(dataset, root)
    assert run(root, out, "participant", "--participant-label", "good", *QUICK) == 0  # links this copy
    image = root / "sub-good" / "anat" / "sub-good_T1w.nii.gz"
    image.write_bytes(image.read_bytes()[:4000])
    assert run(root, out, "participant", "group", "--participant-label", "good", *QUICK) == 18
    assert not (out / "sub-good/anat/sub-good_desc-openS_features.json").exists()


def test_work_folder_that_cannot_be_made(dataset, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    command = [str(dataset), str(tmp_path / "out"), "participant", "-w", str(tmp_path / "file" / "work")]
    assert main(command) == 73
    assert "the work folder cannot be created" in capsys.readouterr().err


def test_without_a_browser_pdf_is_refused_before_anything_is_written(dataset, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(dataset, tmp_path / "out", "participant", "--pdf") == 64
    assert "no Chromium or Chrome was found on the PATH: --pdf" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_reports_only_computes_nothing(dataset, out, monkeypatch):
    page = (out / "sub-good.html").read_text()
    (out / "sub-good.html").unlink()
    monkeypatch.setattr("neurofm_bids.engine.process.claimed_chunks", lambda *_: pytest.fail("computed"))
    options = ("participant", "--participant-label", "good", *QUICK, "--reports-only")
    assert run(dataset, out, *options) == 0
    again = (out / "sub-good.html").read_text()
    assert again.split("About")[0] == page.split("About")[0]


def test_reports_only_joins_no_covariates_of_other_images(bids_dataset, tmp_path, capsys):
    images = [f"sub-{label}/anat/sub-{label}_T1w.nii.gz" for label in ("01", "02")]
    root, out = bids_dataset(*images), tmp_path / "out"
    (root / "participants.tsv").write_text("participant_id\tage\nsub-01\t33\nsub-02\t44\n")
    made = replace(scan_record().provenance, software=software(), parameters=PARAMETERS)
    write_scan(out, "sub-01", provenance=made)
    description = out / "dataset_description.json"
    description.write_text('{"GeneratedBy": [{"Name": "NeuroFM-BIDS"}], "DatasetLinks": {"raw": "../bids"}}')
    before = description.read_bytes()
    assert run(root, out, "participant", "--reports-only") == 66
    assert "none of the images in the dataset is the one that was processed" in capsys.readouterr().err
    assert [path.name for path in out.glob("logs/*")] == [".lock"]
    assert not list(out.glob("*.html"))
    write_scan(out, "sub-02", provenance=replace(made, input=identify_input(root / images[1])))
    assert run(root, out, "participant", "--reports-only") == 0
    log = capsys.readouterr().err
    assert "not joined to 1 of 2 scans: the dataset has another image" in log
    assert "Ages known for 1 of 2 participants" in log
    pages = [(out / f"sub-{label}.html").read_text() for label in ("01", "02")]
    assert ["recorded age 33" in pages[0], "recorded age 44" in pages[1]] == [False, True]
    assert description.read_bytes() == before


@pytest.mark.slow
def test_work_is_kept_and_resources_are_watched_when_asked_for(dataset, tmp_path, capsys):
    options = ("--participant-label", "good", "--views", "1", "--keep-work", "--resource-monitor")
    assert run(dataset, tmp_path / "out", "participant", *options) == 0
    (kept,) = (tmp_path / "work").iterdir()
    assert str(kept) in capsys.readouterr().err
    assert (kept / "0/chunk/scan_0/brain_extraction/mask.nii").is_file()
    assert kept.stat().st_mode & 0o077 == 0  # it shows a brain
    (path,) = (tmp_path / "out").glob("logs/*/resources.tsv")
    rows = read_rows(path)
    assert max(int(row["processes"]) for row in rows) >= 3
    assert max(int(row["memory_mb"]) for row in rows) > 200
    assert max(float(row["work_mb"]) for row in rows) > 50


@pytest.mark.fault("stderr is closed during the run (closed terminal or pipe)", "the run continues")
def test_a_closed_stderr_does_not_end_the_run(dataset, out, tmp_path):
    command = [sys.executable, "-m", "neurofm_bids", str(dataset), str(out), "participant", *QUICK]
    reading, writing = os.pipe()
    os.close(reading)
    options = ["--participant-label", "good", "--reports-only", "-w", str(tmp_path)]
    done = subprocess.run([*command, *options], stderr=writing, cwd=Path(__file__).parents[2])
    os.close(writing)
    assert done.returncode == 0


@pytest.mark.slow
@pytest.mark.fault("No write permission for the output folder of one participant", "only its scans fail")
def test_a_closed_folder_of_one_participant_costs_its_scans_only(dataset, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub-good").write_text("a file where a folder should be")
    assert run(dataset, out, "participant", "--participant-label", "good", "nan", "--views", "1") == 1
    assert set(failed_rows(out)) == {"sub-good/anat/sub-good_T1w.nii.gz", "sub-nan/anat/sub-nan_T1w.nii.gz"}
    assert failed_rows(out)["sub-good/anat/sub-good_T1w.nii.gz"]["step"] == "write"


def test_reports_only_takes_outputs_of_other_settings(dataset, out):
    (out / "sub-good.html").unlink()
    options = ("--participant-label", "good", "--views", "3", "--reports-only")
    result = run_participant(parse([str(dataset), str(out), "participant", *options]))
    assert (result.done, result.failed, result.reports) == ([], [], {out / "sub-good.html"})
    assert (out / "sub-good.html").is_file()
    assert run(dataset, out, "participant", *options, "--force") == 64


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--views", "3"), "made with views=2, now 3"),
        (("--views", "2", "--encode-space", "native"), "made with encode_space=rigid, now native"),
        (("--views", "2", "--no-anatomy"), "made with no_anatomy=False, now True"),
        (("--views", "2", "--force"), "forced"),
    ],
)
def test_dry_run_says_why(dataset, alone, capsys, options, why):
    _, out = alone
    assert run(dataset, out, "participant", "--participant-label", "good", *options, "--dry-run") == 0
    assert why in capsys.readouterr().out


def test_the_log_tells_beginning_and_end(mixed):
    _, out = mixed
    text = next(out.glob("logs/*/neurofm.log")).read_text()
    assert "model open-s: neurofm" in text
    assert "Scans: 4 to process" in text
    assert "failed: sub-zero/anat" in text
    assert "Scans: 1 done (quality: 0 ok, 1 check, 0 fail), 0 up to date, 3 failed, 1 skipped." in text
    assert (
        "skipped: sub-none: no T1w image is selected: there is no image in anat. Check the dataset." in text
    )


@pytest.mark.slow
def test_the_log_ends_with_the_judgements(tmp_path, brain_image, capsys):
    root = write_dataset_files(tmp_path / "bids")
    image = like(brain_image, np.asarray(brain_image.dataobj))
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine @ np.diag([1.1, 1.1, 1.1, 1]), 1)
    write_t1w(root, "01", image)
    assert run(root, tmp_path / "out", "participant", *QUICK) == 0
    log = capsys.readouterr().err
    assert "quality fail: sub-01: The qform and sform give different voxel sizes" in log
    assert "Scans: 1 done (quality: 0 ok, 0 check, 1 fail)" in log


@pytest.mark.parametrize("text", ["plugin: Foo\n", "plugin: MultiProc\nplugin_args: 3\n"])
def test_a_plugin_that_nipype_does_not_know(dataset, tmp_path, capsys, text):
    path = tmp_path / "plugin.yml"
    path.write_text(text)
    options = ("--participant-label", "good", "--use-plugin", str(path), "--views", "1")
    assert run(dataset, tmp_path / "out", "participant", *options) == 64
    assert "nipype cannot use the plugin" in capsys.readouterr().err


def test_dry_run_prints_a_table_and_writes_nothing(dataset, tmp_path, capsys):
    assert run(dataset, tmp_path / "out", "participant", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(
        line.split() == ["run", "sub-good/anat/sub-good_T1w.nii.gz", "not", "processed", "yet"]
        for line in lines
    )
    assert any("sub-none" in line and "no T1w" in line for line in lines)
    assert not (tmp_path / "out").exists()


def test_work_folder_is_left_empty(mixed):
    _, out = mixed
    assert list((out.parent / "work").iterdir()) == []


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("participants",), 17, "unknown analysis level"),
        (("participant", "--participant-label", "nobody"), 18, "no such participant: nobody"),
        (("participant", "--nprocs", "none"), 64, "--nprocs"),
        (("participant", "--weights", "/nowhere.h5"), 66, "weights file not found"),
        (("participant", "--model", "x"), 64, "unknown model: x. Use one of open-s"),
        (("participant", "--model", "neurofm-s"), 66, "neurofm-tools weights fetch neurofm-s"),
        (("participant", "--device", "cuda:9"), 64, "device not available"),
        (("group",), 66, "output folder not found"),
    ],
)
def test_exit_codes(dataset, tmp_path, capsys, options, code, message):
    assert run(dataset, tmp_path / "out", *options) == code
    assert message in capsys.readouterr().err


def test_exit_codes_of_folders(dataset, tmp_path, capsys):
    assert run(tmp_path / "nothing", tmp_path / "out", "participant") == 66
    (tmp_path / "plain").mkdir()
    assert run(tmp_path / "plain", tmp_path / "out", "participant") == 16
    other = tmp_path / "other"
    other.mkdir()
    (other / "dataset_description.json").write_text('{"GeneratedBy": [{"Name": "fMRIPrep"}]}')
    assert run(dataset, other, "participant") == 73
    assert "holds another dataset" in capsys.readouterr().err
    assert run(dataset, dataset, "participant") == 64


def test_a_bug_is_exit_code_70(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("neurofm_bids.participant.plan.find_scans", lambda config: 1 / 0)
    assert run(dataset, tmp_path / "out", "participant") == 70


@pytest.mark.slow
def test_runs_without_network_and_without_a_home(dataset, tmp_path):
    """Every connection but those between its own processes raises, and nothing can be written at home."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "real = socket.socket.connect\n"
        "def connect(self, address):\n"
        "    if self.family != socket.AF_UNIX:\n"
        "        raise OSError('no network in this test')\n"
        "    return real(self, address)\n"
        "socket.socket.connect = connect\n"
    )
    command = [sys.executable, "-m", "neurofm_bids", str(dataset), str(tmp_path / "out")]
    options = ["participant", "group", "--participant-label", "good", "--views", "1", "-w"]
    nowhere = {"HOME": "/nonexistent", "PYTHONPATH": str(tmp_path), "XDG_CACHE_HOME": "/nonexistent"}
    done = subprocess.run(
        [*command, *options, str(tmp_path / "work")],
        env={**os.environ, **nowhere},
        cwd=Path(__file__).parents[2],
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def started(dataset, tmp_path):
    """A run of the command in a process of its own, stopped at work in a worker."""
    work = tmp_path / "work"
    command = [sys.executable, "-m", "neurofm_bids", str(dataset), str(tmp_path / "out"), "participant"]
    run = subprocess.Popen(
        [*command, "--participant-label", "good", "-w", str(work)],
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored in a job run in the background
    )
    end = time.monotonic() + 120
    while not list(work.glob("*/0/chunk/scan_0/bias_correction/_inputs.pklz")):
        assert run.poll() is None, "it ended by itself"
        assert time.monotonic() < end, "it never started"
        time.sleep(0.1)
    children = psutil.Process(run.pid).children(recursive=True)
    assert children
    yield run, children, tmp_path
    run.kill()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_no_worker_outlives_the_command(started, how):
    run, children, folder = started
    run.send_signal(how)
    assert run.wait(60) == (-9 if how == signal.SIGKILL else 130)
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    if how != signal.SIGKILL:
        assert list((folder / "work").iterdir()) == []


def validate(folder):
    command = shutil.which("bids-validator-deno", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if command is None:
        pytest.skip("bids-validator-deno is not installed")
    done = subprocess.run([command, "--format", "json", str(folder)], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [issue for issue in issues if issue["severity"] == "error"]


def test_outputs_pass_the_validator(mixed, alone):
    assert validate(mixed[1]) == []
    assert validate(alone[1]) == []


def test_the_python_interface_gives_what_the_command_writes(dataset, alone):
    from neurofm_bids import NeuroFM

    _, out = alone
    record = json.loads((out / "sub-good/anat/sub-good_desc-openS_predictions.json").read_text())
    result = NeuroFM("open-s", device="cpu", views=2).predict(dataset / "sub-good/anat/sub-good_T1w.nii.gz")
    assert result.to_dict() == record
    assert (
        features_table(result.features)
        == (out / "sub-good/anat/sub-good_desc-openS_features.tsv").read_text()
    )
    jsonschema.validate(record, json_schema(ScanRecord))


@pytest.fixture
def renamed(bids_dataset, tmp_path):
    """A dataset with an empty image, which failed under another name before."""
    old, new = (f"sub-{label}/anat/sub-{label}_T1w.nii.gz" for label in ("old", "new"))
    root, out = bids_dataset(old, new), tmp_path / "out"
    for image in (old, new):
        (root / image).write_bytes(b"")
    assert run(root, out, "participant", "--participant-label", "old") == 1
    assert (out / "sub-old.html").is_file()
    shutil.rmtree(root / "sub-old")
    return root, out


@pytest.mark.parametrize(
    ("options", "reports"),
    [
        ((), ["sub-new.html"]),
        (("--reports-only",), ["sub-new.html"]),
        (("--participant-label", "new"), ["sub-new.html", "sub-old.html"]),
    ],
)
def test_the_report_of_a_failed_scan_goes_with_its_image(renamed, options, reports):
    root, out = renamed
    assert run(root, out, "participant", *options) == 1
    assert sorted(path.name for path in out.glob("sub-*.html")) == reports


@pytest.mark.parametrize("is_same", [False, True])
def test_another_dataset_in_the_same_output_folder_is_warned_of(renamed, capsys, is_same):
    """Whether it is another one is told by the images: a dataset may be moved."""
    root, out = renamed
    write_scan(out, "sub-02")
    if is_same:
        (root / "sub-02" / "anat").mkdir(parents=True)
        (root / "sub-02" / "anat" / "sub-02_T1w.nii.gz").write_bytes(b"")
    moved = root.rename(root.parent / "moved")
    assert run(moved, out, "participant") == 1
    message = (
        f"The output folder was made from another dataset ({root}), and 1 of its 1 scans are not in {moved}"
    )
    assert (message in capsys.readouterr().err) is not is_same
    assert (out / "sub-old.html").is_file()


@pytest.mark.slow
@pytest.mark.fault("An image is replaced while it is processed", "the outputs record the image that was read")
def test_an_image_replaced_meanwhile_is_done_again(dataset, tmp_path, monkeypatch):
    from neurofm_bids.engine import chunk

    root, out = tmp_path / "bids", tmp_path / "out"
    shutil.copytree(dataset, root)
    image = root / "sub-good" / "anat" / "sub-good_T1w.nii.gz"
    ended = chunk.Chunk.ended

    def replace_after_brain(self, node):
        if node.name == "brain_extraction":
            image.write_bytes(image.read_bytes() + b"\0")
        ended(self, node)

    monkeypatch.setattr(chunk.Chunk, "ended", replace_after_brain)
    options = ("participant", "--participant-label", "good", "--views", "1")
    assert run(root, out, *options) == 0
    made = json.loads((out / "sub-good/anat/sub-good_desc-openS_features.json").read_text())["NeuroFM"]
    assert made["Input"]["Size"] == image.stat().st_size - 1
    assert [why for _, _, why in plan_of(root, out, *options)] == ["the image has changed"]


def plan_of(root, out, *options):
    return make_plan(make_job(parse([str(root), str(out), *options]))).table()


def test_attribution_adds_the_maps_and_what_the_python_interface_gives(dataset, out, tmp_path):
    stem = out / "sub-good/anat/sub-good_desc-openS"
    origin = origin_of(ScanRecord.from_dict(json.loads(Path(f"{stem}_predictions.json").read_text())))
    size = len(read_features(Path(f"{stem}_features.tsv")))
    raven = all_features(size, origin=origin)
    write_readout(tmp_path / "raven.json", raven)
    given = ("--readouts", str(tmp_path / "raven.json"))
    options = ("participant", "--participant-label", "sub-good", *QUICK)
    assert run(dataset, out, *options, *given, "--attribution", "age", "raven") == 0
    maps = nib.load(f"{stem}_attribution.nii.gz")
    image = dataset / "sub-good/anat/sub-good_T1w.nii.gz"
    readouts = [Readout.load(tmp_path / "raven.json")]
    found = NeuroFM("open-s", device="cpu", views=2).attribute(image, ["age"], readouts=readouts)
    assert np.array_equal(np.asarray(maps.dataobj), np.asarray(found.maps.dataobj))
    assert np.array_equal(np.asarray(found.map("age").dataobj), np.asarray(maps.dataobj)[..., 0])
    (score,) = read_rows(Path(f"{stem}_readouts.tsv"))
    record = ScanRecord.from_dict(json.loads(Path(f"{stem}_predictions.json").read_text()))
    assert list(record.attributions) == list(found.attributions) == ["age", "raven"]
    assert record.attributions["raven"].output == pytest.approx(float(score["value"]), rel=1e-3)
    assert record.attributions["raven"].readout_digest == raven.digest
    assert record.attributions["age"].regions.keys() == found.attributions["age"].regions.keys()
    rows = read_rows(Path(f"{stem}Attribution_regions.tsv"))
    for target in record.attributions:
        shares = [float(row["share"]) for row in rows if row["target"] == target]
        assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert "Attribution" in (out / "sub-good.html").read_text()
    before = Path(f"{stem}_features.json").stat().st_mtime_ns
    for same in ((), ("--attribution", "age"), (*given, "--attribution", "raven")):
        assert run(dataset, out, *options, *same) == 0
    assert Path(f"{stem}_features.json").stat().st_mtime_ns == before


def test_steps_that_were_not_asked_for_do_not_run(dataset, alone, tmp_path):
    out = tmp_path / "out"
    assert run(dataset, out, "participant", "--participant-label", "sub-good", *QUICK, "--no-anatomy") == 0
    ran = [[row["step"] for row in read_rows(next(o.glob("logs/*/timing.tsv")))] for o in (alone[1], out)]
    assert set(ran[0]) - set(ran[1]) == {"anatomy"}
    assert "attribution" not in ran[0]
    assert not list((out / "sub-good").rglob("*dseg*"))
    without, usual = (
        json.loads((o / "sub-good/anat/sub-good_desc-openS_predictions.json").read_text())
        for o in (out, alone[1])
    )
    assert without.get("Anatomy") is None
    assert without["Predictions"] == usual["Predictions"]


def test_a_target_that_does_not_exist_ends_the_run_before_any_scan(dataset, tmp_path, capsys):
    assert run(dataset, tmp_path / "out", "participant", "--attribution", "height") == 64
    assert "open-s has no target height to attribute" in capsys.readouterr().err
    assert not list(tmp_path.rglob("sub-*"))


def test_readouts_add_scores_to_finished_scans_and_to_the_tables_of_the_group(dataset, out, tmp_path):
    options = ("--participant-label", "sub-good", *QUICK)
    stem = out / "sub-good/anat/sub-good_desc-openS"
    record = ScanRecord.from_dict(json.loads(Path(f"{stem}_predictions.json").read_text()))
    features = read_features(Path(f"{stem}_features.tsv"))
    write_readout(tmp_path / "raven.json", all_features(len(features), origin=origin_of(record)))
    before = Path(f"{stem}_features.json").stat().st_mtime_ns
    assert (
        run(dataset, out, "participant", "group", *options, "--readouts", str(tmp_path / "raven.json")) == 0
    )
    assert Path(f"{stem}_features.json").stat().st_mtime_ns == before
    (row,) = (row for row in read_rows(Path(f"{stem}_readouts.tsv")) if row["name"] == "raven")
    assert float(row["value"]) == pytest.approx(
        1 + sum(f / (1 + i) for i, f in enumerate(features)), rel=1e-4
    )
    (of_group,) = read_rows(out / "group_desc-openS_readouts.tsv")
    (twin,) = read_rows(out / "phenotype/neurofm.tsv")
    assert (
        float(of_group["readout_raven"]) == float(twin["readout_raven"]) == pytest.approx(float(row["value"]))
    )
