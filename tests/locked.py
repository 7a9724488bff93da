"""The lists of locked packages, read by rules of their own: tools/lock.py writes them."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_HASH = re.compile(r"    --hash=sha256:([0-9a-f]{64})(?: \\)?")


@dataclass(frozen=True)
class Locked:
    version: str
    hashes: tuple[str, ...]
    origins: tuple[str, ...]


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name="requirements.lock"):
    """Return what is locked, by name, and refuse lines of any other kind."""
    path = ROOT / name
    if not path.is_file():
        pytest.skip(f"{name} is not part of an installed package")
    entries, hashes, origins = {}, [], []
    for line in path.read_text().splitlines():
        if pin := re.fullmatch(r"([\w.-]+)==([\w.]+) \\", line):
            hashes, origins = [], []
            entries[plain(pin[1])] = (pin[2], hashes, origins)
        elif found := _HASH.fullmatch(line):
            hashes.append(found[1])
        elif origin := re.fullmatch(r"    #(?: via|  )(?: (.+))?", line):
            origins.extend(filter(None, [origin[1] and origin[1].strip()]))
        else:
            assert re.fullmatch(r"# .*", line), line
    return {key: Locked(version, tuple(h), tuple(o)) for key, (version, h, o) in entries.items()}
