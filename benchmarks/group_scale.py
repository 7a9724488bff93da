"""Time and memory of collecting, checking and tabulating a large cohort, and of a second run with 100 new scans.

    python benchmarks/group_scale.py FOLDER SCAN [--scans 100000] [--features 512] [--no-anatomy] [--add 100]

SCAN is the stem path of one finished scan in an output folder (``out/sub-01/anat/sub-01``). FOLDER gets a
dataset of as many people with random ages (``FOLDER/raw``) and its outputs (``FOLDER/out``): the records of SCAN
with random features, predictions, image quality metrics and volumes. Images and masks are links to one small
file. Every measurement is made in a process of its own; the report is not part of it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from neurofm_bids.records.columns import feature_columns

LABEL = "openS"
LINKS = 10_000  # to one file: file systems limit their number
VARIED = ("ImageQuality", "Predictions", "Anatomy")
REQUIRED = (
    "desc-brain_mask.nii.gz",
    "from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.txt",
    "from-T1w_to-MNI152NLin2009cAsym_mode-image_desc-rigid_xfm.txt",
)


def varied(value, factor, rng):
    """Return plain values with every float but ranges and zeros changed by a few percent, seven digits."""
    if isinstance(value, dict):
        return {
            key: item if key == "Range" else varied(item, rng.normal(1, 0.05), rng) for key, item in value.items()
        }
    if isinstance(value, list):
        return [varied(item, factor, rng) for item in value]
    return float(f"{value * factor:.7g}") if isinstance(value, float) and value else value


class Source:
    """The records of one scan, written for other people."""

    def __init__(self, scan, folder, features, *, anatomy):
        self.folder, self.names = folder, "\t".join(feature_columns(features)) + "\n"
        self.features = features
        stem = scan.name
        self.record = json.loads(scan.with_name(f"{stem}_desc-{LABEL}_predictions.json").read_text())
        if not anatomy:
            self.record["Anatomy"] = None
            self.record["Provenance"]["Parameters"]["no_anatomy"] = True
        self.record["Flags"], self.record["Quality"] = [], {"Status": "ok", "Reasons": []}
        self.record["Measurements"]["BrainExtraction"]["Method"] = "deepbet"  # so that head size counts
        self.record["Provenance"]["Input"]["Size"] = len(stem)
        self.sidecar = json.loads(scan.with_name(f"{stem}_desc-{LABEL}_features.json").read_text())
        self.sidecar["NeuroFM"] = self.record["Provenance"]
        self.linked = folder / "linked"
        self.linked.mkdir(parents=True, exist_ok=True)
        self.stem = stem

    def write(self, number):
        """Write the image and the outputs of one person."""
        rng, person = np.random.default_rng(number), f"sub-{number:06d}"
        record = {**self.record, **{name: varied(self.record[name], 1.0, rng) for name in VARIED}}
        image = f"{person}/anat/{person}_T1w.nii.gz"
        record["Scan"] = {
            "URI": f"bids:raw:{image}",
            "Stem": person,
            "Subject": person[4:],
            "Session": None,
            "Entities": {"sub": person[4:]},
        }
        raw, out = self.folder / "raw" / person / "anat", self.folder / "out" / person / "anat"
        raw.mkdir(parents=True)
        out.mkdir(parents=True)
        linked = self._linked(number // LINKS)
        os.link(linked, self.folder / "raw" / image)
        for ending in REQUIRED:
            os.link(linked, out / f"{person}_{ending}")
        values = rng.normal(size=self.features).astype(np.float32)
        (out / f"{person}_desc-{LABEL}_features.tsv").write_text(
            self.names + "\t".join(f"{value:.8g}" for value in values.tolist()) + "\n"
        )
        (out / f"{person}_desc-{LABEL}_predictions.json").write_text(json.dumps(record, indent=2))
        (out / f"{person}_desc-{LABEL}_features.json").write_text(json.dumps(self.sidecar, indent=2))
        return f"{person}\t{rng.uniform(18, 90):.1f}\t{rng.choice(['F', 'M'])}\t{rng.integers(0, 31)}\n"

    def _linked(self, number):
        path = self.linked / str(number)
        if not path.exists():
            path.write_text(self.stem)
            modified = self.record["Provenance"]["Input"]["Modified"]
            os.utime(path, ns=(modified, modified))
        return path


def add_scans(source, first, last):
    """Write the scans from the first to before the last, and their rows of participants.tsv."""
    table = source.folder / "raw" / "participants.tsv"
    table.parent.mkdir(parents=True, exist_ok=True)
    (table.parent / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.10.0"}')
    with table.open("a") as stream:
        if not first:
            stream.write("participant_id\tage\tsex\tmoca\n")
        for number in range(first, last):
            stream.write(source.write(number))
    description = {"Name": "out", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
    description["GeneratedBy"] = [{"Name": "NeuroFM-BIDS"}]
    (source.folder / "out" / "dataset_description.json").write_text(json.dumps(description))


def measure(folder, processes, profile):
    """Collect and tabulate, and print seconds, seconds of the processors and memory of each part."""
    from neurofm_bids.bids.covariates import Covariates
    from neurofm_bids.bids.names import Derivatives
    from neurofm_bids.group import tables as module
    from neurofm_bids.group.cohort import collect
    from neurofm_bids.group.run import _statistics
    from neurofm_bids.group.table_files import write_table

    out = Derivatives(folder / "out", LABEL)
    parts = Clock()
    index = out.out_dir / "group_desc-openS_index.arrow"
    covariates = Covariates(folder / "raw")
    parts("covariates")
    cohort = collect(out.out_dir, LABEL, covariates, index=index, processes=processes)
    parts("collect")
    statistics = _statistics(cohort)
    parts("statistics")
    tables = module.make_tables(cohort, covariates, statistics)
    parts("tables")
    for name, table in tables.items():
        write_table(out, name, table)
    parts("write")
    parts.total(len(cohort.members), len(cohort.missing))


class Clock:
    def __init__(self):
        self.start = self.last = self.now()

    @staticmethod
    def now():
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used)

    def __call__(self, name):
        now = self.now()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{name:12s} {now[0] - self.last[0]:8.1f} s {now[1] - self.last[1]:8.1f} s CPU {peak:6.2f} GB", flush=True)
        self.last = now

    def total(self, rows, missing):
        self.last = self.start
        self(f"total {rows}+{missing}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scan", type=Path, nargs="?")
    parser.add_argument("--scans", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--no-anatomy", action="store_true")
    parser.add_argument("--make", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    if args.make:
        source = Source(args.scan, args.folder, args.features, anatomy=not args.no_anatomy)
        first = len(list((args.folder / "out").glob("sub-*"))) if (args.folder / "out").exists() else 0
        add_scans(source, first, args.scans)
    elif args.profile:
        import cProfile
        cProfile.runctx("measure(args.folder, args.processes, True)", globals(), locals(), str(args.folder / "profile"))
    else:
        measure(args.folder, args.processes, False)


if __name__ == "__main__":
    main()
