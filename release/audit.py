"""Look up the pinned packages in a database of advisories, if one answers.

    python release/audit.py requirements.lock [--pip-audit PATH]

pip-audit ends with 1 both if it finds an advisory and if it cannot ask, and a package index that carries no
advisories looks like one that knows of none. So a package with published advisories is looked up first.

Exit codes: 0 no advisory is known, 1 there are advisories, 2 no database answered: nothing was audited.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SERVICES = ("pypi", "osv")
KNOWN = "jinja2==2.4.1"  # has published advisories since 2014
UNKNOWN = 2


def main() -> int:
    """Audit a lock file and return the exit code."""
    parser = argparse.ArgumentParser(description="Audit pinned packages.")
    parser.add_argument("lock", type=Path)
    parser.add_argument("--pip-audit", default="pip-audit", help="the command to run")
    given = parser.parse_args()
    reasons = []
    for service in SERVICES:
        reason = why_silent(given.pip_audit, service)
        if not reason:
            return audit(given.pip_audit, service, given.lock)
        reasons.append(f"  {service}: {reason}")
    sys.stderr.write(
        "No advisory database answered: nothing was audited. This does not say that the packages are safe.\n"
        + "\n".join(reasons)
        + "\nRun it where pypi.org or api.osv.dev can be reached.\n"
    )
    return UNKNOWN


def why_silent(command: str, service: str) -> str:
    """Return why a service does not know an advisory that is published; empty if it does."""
    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.txt"
        known.write_text(f"{KNOWN}\n", encoding="utf-8")
        done = run(command, service, known)
    if not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or [f"pip-audit ended with {done.returncode}"]
        return lines[-1]
    packages = json.loads(done.stdout)["dependencies"]
    if any(package.get("vulns") for package in packages):
        return ""
    reasons = [package["skip_reason"] for package in packages if "skip_reason" in package]
    return reasons[0] if reasons else f"it knows of no advisory for {KNOWN}, which has some"


def audit(command: str, service: str, lock: Path) -> int:
    """Print the advisories of a lock file, and return 0 if there are none, 1 if there are."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / lock.name
        pinned.write_text(without_hashes(lock.read_text(encoding="utf-8")), encoding="utf-8")
        done = run(command, service, pinned)
    if not done.stdout.strip():
        sys.stderr.write(f"{done.stderr}\nThe audit by {service} failed, so it has no result.\n")
        return UNKNOWN
    packages = json.loads(done.stdout)["dependencies"]
    skipped = [
        f"{each['name']}: not audited: {each['skip_reason']}" for each in packages if "skip_reason" in each
    ]
    found = [
        f"{each['name']} {each['version']}: {advisory['id']}, "
        f"fixed in {', '.join(advisory['fix_versions']) or 'no version'}"
        for each in packages
        for advisory in each.get("vulns", ())
    ]
    count = len(packages) - len(skipped)
    lines = [
        *found,
        *skipped,
        f"{lock.name}: packages audited by {service}: {count}; advisories: {len(found)}.",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    if found:
        return 1
    return UNKNOWN if skipped else 0


def without_hashes(text: str) -> str:
    """Return requirements without hashes: advisories are about versions, and pip-audit wants all or none."""
    return re.sub(r"[ \t]*(\\\s*\n[ \t]*)?--hash=\S+", "", text)


def run(command: str, service: str, requirements: Path) -> subprocess.CompletedProcess[str]:
    """Run pip-audit on pinned requirements without installing anything."""
    options = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json", "-s", service)
    return subprocess.run(
        [command, *options, "-r", str(requirements)], capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
