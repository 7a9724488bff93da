"""Time and memory of collecting, checking and tabulating a large cohort, and again with some new scans.

    python benchmarks/group_scale.py FOLDER --scan out/sub-01/anat/sub-01 [--scans 100000] [--no-anatomy]

The scan is the stem path of a finished one. FOLDER gets a dataset of as many people with random ages
(``FOLDER/raw``) and its outputs (``FOLDER/out``): the records of that scan with random features, predictions,
image quality metrics and volumes; images, masks and transforms are links to small files. Two runs are
measured: one that reads all scans, and one after 100 more were written. Each is a process of its own; its
memory is that of it and the processes that it starts, twice a second. With --check, the second tables are
compared with those of a run without index. Analyses, fits of readouts and the report are not part of it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

LABEL = "openS"
LINKS = 10_000  # to one file: file systems limit their number
VARIED = ("ImageQuality", "Predictions", "Anatomy")
LINKED = (
    "desc-brain_mask.nii.gz",
    "from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.txt",
    "from-T1w_to-MNI152NLin2009cAsym_mode-image_desc-rigid_xfm.txt",
)


def varied(value, factor, rng):
    """Return plain values with floats changed by a few percent, to seven digits; ranges stay."""
    if isinstance(value, dict):
        return {
            key: item if key == "Range" else varied(item, rng.normal(1, 0.05), rng)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [varied(item, factor, rng) for item in value]
    return float(f"{value * factor:.7g}") if isinstance(value, float) and value else value


class Source:
    """The records of one scan, to be written for other people."""

    def __init__(self, scan, folder, features, *, anatomy):
        self.folder, self.features, self.stem = folder, features, scan.name
        self.names = "\t".join(f"f{number:03d}" for number in range(features))
        self.record = json.loads(scan.with_name(f"{scan.name}_desc-{LABEL}_predictions.json").read_text())
        if not anatomy:
            self.record["Anatomy"] = None
            self.record["Provenance"]["Parameters"]["no_anatomy"] = True
        self.record["Flags"], self.record["Quality"] = [], {"Status": "ok", "Reasons": []}
        self.record["Measurements"]["BrainExtraction"]["Method"] = "deepbet"  # so that head size counts
        self.record["Provenance"]["Input"]["Size"] = len(self.stem)
        sidecar = json.loads(scan.with_name(f"{scan.name}_desc-{LABEL}_features.json").read_text())
        self.sidecar = json.dumps({**sidecar, "NeuroFM": self.record["Provenance"]}, indent=2)

    def write(self, number):
        """Write the image and the outputs of one person, and return the line of ``participants.tsv``."""
        rng, person = np.random.default_rng(number), f"sub-{number:06d}"
        raw, out = (self.folder / root / person / "anat" for root in ("raw", "out"))
        for folder in (raw, out):
            folder.mkdir(parents=True)
        linked = self._linked(number // LINKS)
        os.link(linked, raw / f"{person}_T1w.nii.gz")
        for ending in LINKED:
            os.link(linked, out / f"{person}_{ending}")
        values = rng.normal(size=self.features).astype(np.float32).tolist()
        table = f"{self.names}\n" + "\t".join(f"{value:.8g}" for value in values) + "\n"
        (out / f"{person}_desc-{LABEL}_features.tsv").write_text(table)
        record = json.dumps(self._record(person, rng), indent=2)
        (out / f"{person}_desc-{LABEL}_predictions.json").write_text(record)
        (out / f"{person}_desc-{LABEL}_features.json").write_text(self.sidecar)
        return f"{person}\t{rng.uniform(18, 90):.1f}\t{rng.choice(['F', 'M'])}\t{rng.integers(0, 31)}\n"

    def _record(self, person, rng):
        uri, label = f"bids:raw:{person}/anat/{person}_T1w.nii.gz", person.removeprefix("sub-")
        scan = {"URI": uri, "Stem": person, "Subject": label, "Session": None, "Entities": {"sub": label}}
        return {**self.record, **{name: varied(self.record[name], 1.0, rng) for name in VARIED}, "Scan": scan}

    def _linked(self, number):
        path = self.folder / "linked" / str(number)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.stem)
            modified = self.record["Provenance"]["Input"]["Modified"]
            os.utime(path, ns=(modified, modified))
        return path


def add_scans(source, last):
    """Write scans until there are as many."""
    raw, out = source.folder / "raw", source.folder / "out"
    for folder, kind in ((raw, "raw"), (out, "derivative")):
        folder.mkdir(parents=True, exist_ok=True)
        about = {"Name": kind, "BIDSVersion": "1.10.0", "DatasetType": kind}
        about["GeneratedBy"] = [{"Name": "NeuroFM-BIDS"}]
        (folder / "dataset_description.json").write_text(json.dumps(about))
    table = raw / "participants.tsv"
    if not table.exists():
        table.write_text("participant_id\tage\tsex\tmoca\n")
    first = len(table.read_text().splitlines()) - 1
    with table.open("a") as stream:
        for number in range(first, last):
            stream.write(source.write(number))


def tabulate(folder, processes, *, use_index):
    """Collect the scans and write their tables; print the time since the last line for each part."""
    clock = Clock()
    from neurofm_bids.bids.covariates import Covariates
    from neurofm_bids.bids.coverage import log_coverage
    from neurofm_bids.bids.derivatives import Derivatives
    from neurofm_bids.group.cohort import collect
    from neurofm_bids.group.scan_index import index_path
    from neurofm_bids.group.source import Source
    from neurofm_bids.group.statistics import statistics_of
    from neurofm_bids.group.table_files import write_tables
    from neurofm_bids.group.tables import make_tables

    out, covariates = Derivatives(folder / "out", LABEL), Covariates(folder / "raw")
    clock.lap("start")
    index = index_path(out) if use_index else None
    cohort = collect({"": Source(out, covariates)}, index=index, processes=processes)
    clock.lap("collect")
    log_coverage(covariates, [member.scan for member in cohort.members])
    clock.lap("coverage")
    statistics = statistics_of(cohort)
    clock.lap("statistics")
    tables = make_tables(cohort, covariates, statistics)
    clock.lap("tables")
    write_tables(out, tables, processes)
    clock.lap("write")
    print(f"rows {len(cohort.members)}, missing {len(cohort.missing)}", flush=True)


class Clock:
    """Prints the seconds of parts."""

    def __init__(self):
        self.last = time.perf_counter()

    def lap(self, name):
        """Print the seconds since the last part."""
        now = time.perf_counter()
        print(f"  {name:12s}{now - self.last:8.1f} s", flush=True)
        self.last = now


def measured(*options):
    """Run this script with options; print its seconds, those of the processors, and the most memory."""
    start, most, used = time.perf_counter(), 0, {}
    process = subprocess.Popen([sys.executable, __file__, *map(str, options)])
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        now = 0
        with contextlib.suppress(psutil.Error):
            for one in (watched, *watched.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    now += one.memory_full_info().pss
                    used[one.pid] = sum(one.cpu_times()[:2])
        most = max(most, now)
        time.sleep(0.5)
    seconds = time.perf_counter() - start
    print(f"= {seconds:.1f} s, {sum(used.values()):.1f} s of processors, {most / 1e9:.2f} GB", flush=True)
    if process.returncode:
        raise SystemExit(process.returncode)


def tables_of(folder):
    """Return the digests of the tables."""
    from neurofm_bids.storage.atomic import file_sha256

    paths = [*folder.glob("out/group_*"), *folder.glob("out/phenotype/*")]
    return {path.name: file_sha256(path) for path in paths if path.suffix != ".arrow"}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scan", type=Path, help="of which the records are varied")
    parser.add_argument("--scans", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--no-anatomy", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--check", action="store_true", help="compare with a run without index")
    parser.add_argument("--tabulate", choices=("index", "all"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tabulate:
        tabulate(args.folder, args.processes, use_index=args.tabulate == "index")
        return
    source = Source(args.scan, args.folder, args.features, anatomy=not args.no_anatomy)
    options = (args.folder, "--processes", args.processes, "--tabulate")
    add_scans(source, args.scans)
    for path in args.folder.glob("out/group_*.arrow"):
        path.unlink()
    print(f"{args.scans} scans, all read", flush=True)
    measured(*options, "index")
    add_scans(source, args.scans + args.new)
    time.sleep(3)  # what was just written is read again by the next run
    print(f"{args.new} more", flush=True)
    measured(*options, "index")
    if args.check:
        found = tables_of(args.folder)
        print("again without index", flush=True)
        measured(*options, "all")
        print("equal tables:", found == tables_of(args.folder))


if __name__ == "__main__":
    main()
