"""Bare environments: no home, network, user name or temporary folder, and wrong clocks."""

import os
import time

import pytest

from tests.faults.command import arguments, is_complete, make_dataset, needs_namespaces, run

BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TMPDIR": "/nonexistent"}


@pytest.fixture(scope="module")
def dataset(brain_image, tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("bare") / "bids", brain_image, 1)


@pytest.mark.slow
@pytest.mark.fault(
    "No home, network or USER, TMPDIR does not exist, empty environment",
    "the run succeeds, exit code 0",
)
def test_bare_environment_without_network(dataset, tmp_path):
    unshare, why_not = needs_namespaces("-n")
    if unshare is None:
        pytest.skip(why_not)
    code, said = run([*unshare, *arguments(dataset, tmp_path / "out")], env=BARE)
    assert code == 0, said
    assert is_complete(tmp_path / "out", "00")


@pytest.mark.slow
@pytest.mark.fault("Everything but the output and work folders is read-only", "the run succeeds, exit code 0")
def test_everything_else_is_read_only(dataset, tmp_path):
    unshare, why_not = needs_namespaces("-m", "-n")
    if unshare is None:
        pytest.skip(why_not)
    out, work = tmp_path / "o", tmp_path / "w"
    out.mkdir()
    work.mkdir()
    script = (
        f"mount --bind {out} {out}; mount --bind {work} {work}; mount -o remount,bind,ro /; "
        "for folder in /tmp /var/tmp /usr/tmp; do mount --bind $folder $folder 2>/dev/null && "
        f"mount -o remount,bind,ro $folder; done; mount --bind {out} {out}; mount --bind {work} {work}; "
        f"mount -o remount,bind,rw {out}; mount -o remount,bind,rw {work}; "
        "touch /tmp/x 2>/dev/null && exit 99"
    )
    command = arguments(dataset, out, work=work)
    code, said = run([*unshare, "sh", "-c", f'{script}; exec "$@"', "sh", *command], env=BARE)
    assert code == 0, said
    assert is_complete(out, "00")


@pytest.mark.fault(
    "There is no temporary folder and no --work-dir", "exit code 73, the message names --work-dir"
)
def test_no_temporary_folder(dataset, tmp_path, no_temporary_folder, capsys):
    from neurofm_bids.cli.main import main

    assert main([str(dataset), str(tmp_path / "out"), "participant"]) == 73
    assert "--work-dir" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.fault("Modification times are wrong by decades", "finished scans stay finished")
@pytest.mark.parametrize("shift", [-40 * 365 * 86400, 60 * 365 * 86400], ids=["1986", "2086"])
def test_wrong_clocks(dataset, tmp_path, shift):
    out = tmp_path / "out"
    assert run(arguments(dataset, out))[0] == 0
    moment = time.time() + shift
    for path in out.rglob("*"):
        os.utime(path, (moment, moment))
    code, said = run(arguments(dataset, out))
    assert code == 0, said
    assert "Nothing to do" in said
    image = dataset / "sub-00" / "anat" / "sub-00_T1w.nii.gz"
    before = image.stat().st_mtime
    try:
        os.utime(image, (moment, moment))  # the same bytes under another time: hashed, not processed again
        assert "Nothing to do" in run(arguments(dataset, out))[1]
    finally:
        os.utime(image, (before, before))


@pytest.mark.fault("The default work folder was made by another user", "exit code 73: the folder is not used")
def test_work_folder_of_another_user(dataset, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    shared = tmp_path / "everyone"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "work").mkdir()
    os.chown(shared / "work", 4321, 4321)
    code, said = run(arguments(dataset, tmp_path / "out", work=shared / "work"))
    assert code == 73, said
    assert "belongs to another user" in said


SECRETS = (
    "hf_abcdefghijkl",
    "password=xyzzy",
    "{'token': 'xyzzy'}",
    "Authorization: Bearer xyzzy",
    "https://user:xyzzy@host/path",
    "--api-key xyzzy",
    "AWS_SECRET_ACCESS_KEY=xyzzy",
)


@pytest.mark.fault("An unexpected error", "a crash file for a bug report, without secrets")
def test_crash_file_holds_no_secrets(dataset, tmp_path, monkeypatch):
    from neurofm_bids.cli.main import main

    monkeypatch.setenv("SECRET_THING", "plugh")

    def broken(*_, **__):
        raise KeyError(" ".join(SECRETS))

    monkeypatch.setattr("neurofm_bids.engine.process.claimed_chunks", broken)
    out = tmp_path / "out"
    assert main([str(dataset), str(out), "participant", "-w", str(tmp_path / "work")]) == 70
    (path,) = out.glob("logs/*/crash-*.txt")
    text = path.read_text()
    assert not [word for word in ("hf_abc", "xyzzy", "plugh") if word in text], text
    for part in ("KeyError", "Traceback", "neurofm-bids", "torch", "participant", "Command:", "@host/path"):
        assert part in text
