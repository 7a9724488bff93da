"""A run as an array: what is submitted, followed, submitted again and taken over."""

import json
from contextlib import closing
from dataclasses import replace

import pytest

from neurofm_bids.cluster.process import process_on_slurm
from neurofm_bids.engine.process import Processed
from neurofm_bids.engine.run_log import RunLog
from neurofm_bids.errors import MEMORY_FIX, Exit, NeuroFMError
from neurofm_bids.storage.locks import Locks
from tests.tables import failed_rows

NO_MEMORY = f"the worker process was killed|{MEMORY_FIX}"
FAULT = "the image is constant|Check it."


@pytest.fixture
def run(make_job, config):
    """Return a function that processes the scans and returns the participants of each task, and the rest."""

    def run(config=config, scans=None, stop_after=None, **running):
        job, processed = make_job(config, **running), Processed()
        log = RunLog(config.out_dir, config)
        with Locks(config.out_dir / "logs" / ".lock") as locks:
            subjects = []
            scans = job.scans if scans is None else scans
            with closing(process_on_slurm(job, scans, locks, log, processed)) as chunks:
                for chunk in chunks:
                    subjects.append(sorted(chunk))
                    if stop_after == len(subjects):
                        break
        log.close()
        return subjects, processed, job

    return run


def subjects_of(items):
    return sorted(item.subject for item in items)


def memory_of(call):
    return next(word for word in call if word.startswith("--mem="))


def array_of(call):
    return next(word for word in call if word.startswith("--array="))


def test_each_participant_is_a_task_of_a_small_dataset(run, slurm):
    subjects, processed, _ = run()
    assert sorted(subjects) == [["01"], ["02"], ["03"], ["04"]]
    assert subjects_of(processed.done) == ["01", "02", "03", "04"]
    assert processed.failed == []
    (call,) = slurm.calls
    assert array_of(call) == "--array=1-4"


def test_without_scans_nothing_is_submitted(run, slurm):
    assert run(scans=())[0] == []
    assert slurm.calls == []


def test_failures_of_tasks_are_collected_and_not_tried_again(run, slurm, config):
    slurm.plan({"02": [FAULT]})
    _, processed, job = run()
    assert subjects_of(processed.done) == ["01", "03", "04"]
    (failure,) = processed.failed
    assert (failure.step, failure.reason, failure.fix) == ("encode", "the image is constant", "Check it.")
    assert list(failed_rows(config.out_dir)) == ["sub-02/anat/sub-02_T1w.nii.gz"]
    assert len(slurm.calls) == 1
    assert job.forgotten == []  # the task has seen to that


@pytest.mark.parametrize("act", ["kill", "state OUT_OF_MEMORY", NO_MEMORY])
def test_what_is_killed_for_memory_gets_twice_as_much_twice(run, slurm, act):
    slurm.plan({"02": [act, act, "done"], "03": [FAULT]})
    _, processed, _ = run()
    assert subjects_of(processed.done) == ["01", "02", "04"]
    assert subjects_of(processed.failed) == ["03"]
    first, *again = slurm.calls
    assert memory_of(first) == "--mem=954M"
    assert [(array_of(call), memory_of(call)) for call in again] == [
        ("--array=2", "--mem=1908M"),
        ("--array=2", "--mem=3816M"),
    ]


def test_a_task_that_is_killed_three_times_has_failed(run, slurm, config):
    slurm.plan({"02": ["kill"]})
    _, processed, job = run()
    (failure,) = processed.failed
    assert failure.step == "slurm"
    assert "exit code 137" in failure.reason
    assert "with 3816 MiB" in failure.reason
    assert failure.fix.startswith("Give tasks more memory with --slurm-mem.")
    assert [scan.subject for scan in job.forgotten] == ["02"]
    assert len(slurm.calls) == 3
    assert list(failed_rows(config.out_dir)) == [failure.scan]


def test_a_task_that_had_too_little_time_gets_twice_as_much(run, slurm):
    slurm.plan({"02": ["state TIMEOUT", "done"]})
    _, processed, _ = run()
    assert len(processed.done) == 4
    first, again = ({word.partition("=")[0]: word.partition("=")[2] for word in call} for call in slurm.calls)
    assert int(again["--time"]) == 2 * int(first["--time"])
    assert again["--mem"] == first["--mem"]


def test_a_task_whose_node_failed_is_submitted_again_as_it_was(run, slurm):
    slurm.plan({"02": ["state NODE_FAIL", "done"]})
    assert len(run()[1].done) == 4
    first, again = slurm.calls
    assert set(first) - set(again) == {"--array=1-4"} | {first[-1]} - {again[-1]}


def test_a_cancelled_task_is_not_submitted_again(run, slurm):
    slurm.plan({"02": ["state CANCELLED"]})
    _, processed, _ = run()
    assert "CANCELLED" in processed.failed[0].reason
    assert len(slurm.calls) == 1


def test_a_task_that_cannot_work_says_why(run, slurm):
    slurm.plan({"02": ["exit 66"]})
    (failure,) = run()[1].failed
    assert "exit code 66" in failure.reason
    assert failure.reason.endswith("weights not found")
    assert failure.fix.endswith("/tasks/2.out.")


def test_scans_of_a_killed_task_that_are_done_count(run, slurm, config):
    slurm.plan({"03": ["kill"]})
    one = replace(config, cluster=replace(config.cluster, slurm_scans=4))
    _, processed, _ = run(one)
    assert subjects_of(processed.done) == ["01", "02"]
    assert subjects_of(processed.failed) == ["03", "04"]


def test_a_larger_job_that_is_not_accepted_leaves_the_failure(run, slurm, caplog):
    slurm.plan({"02": [NO_MEMORY]})
    (slurm.folder / "program").write_text(
        (slurm.folder / "program").read_text() + f"\n(Path({str(slurm.folder)!r}) / 'refuse').touch()"
    )
    program = slurm.folder / "program"
    text = program.read_text().replace("sys.exit(bool(rows))", "code = bool(rows)") + "\nsys.exit(code)\n"
    program.write_text(text)
    (failure,) = run()[1].failed
    assert failure.reason == "the worker process was killed"
    assert "Requested node configuration is not available" in caplog.text


def test_an_array_that_is_not_accepted_ends_the_run(run, config):
    refused = replace(config, cluster=replace(config.cluster, slurm_args="--refuse"))
    with pytest.raises(NeuroFMError, match="Requested node configuration") as caught:
        run(refused)
    assert caught.value.code == Exit.USAGE


def test_without_slurm_the_run_ends(run, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NeuroFMError, match="a command of SLURM was not found: sbatch, squeue"):
        run()


def test_the_first_failure_ends_the_array_if_asked(run, slurm):
    slurm.plan({"01": [FAULT], "02": [FAULT]})
    _, processed, _ = run(stop_on_first_crash=True)
    assert len(processed.failed) == 1
    assert (slurm.folder / "cancelled").read_text() == "101\n"


@pytest.mark.parametrize("known", [True, False], ids=["known", "long ended"])
def test_the_same_command_follows_the_array_of_one_that_was_killed(run, slurm, config, known):
    slurm.plan({"02": ["kill", "done"], "03": [FAULT]})
    run(stop_after=1)
    if not known:
        slurm.forget_jobs()
    _, processed, _ = run()
    assert subjects_of(processed.done) == ["02"]
    assert subjects_of(processed.elsewhere) == ["01", "04"]
    assert subjects_of(processed.failed) == ["03"]
    assert [array_of(call) for call in slurm.calls] == ["--array=1-4", "--array=2"]
    assert memory_of(slurm.calls[1]) == "--mem=1908M"


def test_an_interruption_leaves_the_array_and_says_how_to_go_on(run, slurm, monkeypatch, caplog):
    def interrupt(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("neurofm_bids.cluster.follow.Follower.follow", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert "the same command follows them again; scancel 101 ends them" in caplog.text
    run()
    assert len(slurm.calls) == 1


def test_an_array_that_was_followed_to_its_end_is_not_followed_again(run, slurm):
    slurm.plan({"03": [FAULT, "done"]})
    run()
    _, processed, _ = run()
    assert subjects_of(processed.done) == ["03"]
    assert [array_of(call) for call in slurm.calls] == ["--array=1-4", "--array=1"]


def test_scans_that_are_new_since_the_array_was_submitted_get_another(run, slurm, make_job, config):
    old = make_job(config).scans[:2]
    run(scans=old, stop_after=1)
    _, processed, _ = run()
    assert subjects_of(processed.done) == ["03", "04"]
    assert [array_of(call) for call in slurm.calls] == ["--array=1-2", "--array=1-2"]


def test_other_settings_do_not_follow_the_array(run, slurm, config):
    slurm.plan({"03": [FAULT]})
    run(stop_after=1)
    run(replace(config, processing=replace(config.processing, views=1)))
    assert len(slurm.calls) == 2


def test_a_file_of_an_array_that_cannot_be_read_is_named(run, slurm, config, caplog):
    slurm.plan({"03": [FAULT]})
    run(stop_after=1)
    (path,) = config.out_dir.glob("logs/*/slurm.json")
    path.write_text("{")
    run()
    assert "cannot be followed" in caplog.text
    assert str(path) in caplog.text
    assert len(slurm.calls) == 2


def test_the_index_has_only_participants_that_are_processed(run, make_job, config):
    run(scans=make_job(config).scans[2:])
    (path,) = config.out_dir.glob("logs/*/index.jsonl")
    lines = path.read_text().splitlines()[1:]
    assert [json.loads(line)["Participant"] for line in lines] == ["03", "04"]
