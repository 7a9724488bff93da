"""The audit of pinned packages: a database that does not answer is not a clean result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

AUDIT = Path(__file__).resolve().parents[2] / "release" / "audit.py"
# Stands for pip-audit: answers from a table of services, and writes down what it was asked.
STUB = """#!{python}
import json, pathlib, sys
service, path = sys.argv[sys.argv.index("-s") + 1], pathlib.Path(sys.argv[sys.argv.index("-r") + 1])
known = path.name == "known.txt"
answers = json.loads(pathlib.Path({answers!r}).read_text())
answer = answers.get(service, {{}}).get("known" if known else "lock")
if not known:
    pathlib.Path({asked!r}).write_text(path.read_text())
if answer is None:
    sys.exit("cannot be reached")
print(json.dumps({{"dependencies": answer}}))
sys.exit(any(each.get("vulns") for each in answer))
"""
FAULT = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
CLEAN = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "a", "skip_reason": "not found"}


@pytest.fixture
def audit(tmp_path):
    """Return a function that audits a lock with a database that answers as given."""
    if not AUDIT.is_file():
        pytest.skip("the scripts of a release are not part of an installed package")

    def run(answers, lock="a==1\n"):
        stub, table, asked = tmp_path / "pip-audit", tmp_path / "answers.json", tmp_path / "asked.txt"
        table.write_text(json.dumps(answers))
        stub.write_text(STUB.format(python=sys.executable, answers=str(table), asked=str(asked)))
        stub.chmod(0o755)
        (tmp_path / "requirements.lock").write_text(lock)
        command = [sys.executable, str(AUDIT), str(tmp_path / "requirements.lock"), "--pip-audit", str(stub)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done, asked.read_text() if asked.exists() else ""

    return run


@pytest.mark.parametrize(
    ("answers", "code", "text"),
    [
        ({"pypi": {"known": [FAULT], "lock": [CLEAN]}}, 0, "audited by pypi: 1; advisories: 0."),
        ({"pypi": {"known": [FAULT], "lock": [FAULT]}}, 1, "a 1: PYSEC-1, fixed in 2"),
        ({"osv": {"known": [FAULT], "lock": [CLEAN]}}, 0, "audited by osv: 1; advisories: 0."),
        ({"pypi": {"known": [CLEAN], "lock": [CLEAN]}}, 2, "pypi: it knows of no advisory for"),
        ({"pypi": {"known": [SKIPPED], "lock": [CLEAN]}}, 2, "pypi: not found"),
        ({}, 2, "nothing was audited. This does not say that the packages are safe."),
        ({"pypi": {"known": [FAULT]}}, 2, "The audit by pypi failed, so it has no result."),
        ({"pypi": {"known": [FAULT], "lock": [SKIPPED]}}, 2, "a: not audited: not found"),
    ],
)
def test_the_result_is_read_from_a_database_that_answers(audit, answers, code, text):
    done, _ = audit(answers)
    assert (done.returncode, text in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


@pytest.mark.parametrize(
    "lock",
    [
        "a==1\nb==2\n",
        "a==1 --hash=sha256:00\nb==2\n",
        "a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nb==2\n",
    ],
)
def test_locks_with_and_without_hashes_are_asked_for_by_version(audit, lock):
    done, asked = audit({"pypi": {"known": [FAULT], "lock": [CLEAN]}}, lock)
    assert done.returncode == 0
    assert asked == "a==1\nb==2\n"
