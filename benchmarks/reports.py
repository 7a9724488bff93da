"""Cost of the reports of participants: of the figures of one scan, and of rewriting many reports.

    python benchmarks/reports.py figures OUT_DIR --scan sub-01 --t1w T1W
    python benchmarks/reports.py picture OUT_DIR/sub-01.html docs/figures/report.png
    python benchmarks/reports.py rewrite OUT_DIR --scan sub-01 --t1w T1W --scans 1000

`figures` draws all figures of a scan (processed with `--output-images`) three times in one process and one
thread, and prints the CPU seconds and the size of each; the first time, which loads the libraries, does not
count. `rewrite` copies the outputs of the scan, without its images, to as many participants, changes the
numbers of each, and rewrites their reports with `--reports-only`. `picture` takes the picture of the docs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from neurofm_bids.preprocess.registration import load_template
from neurofm_bids.report import figures
from neurofm_bids.report.pdf import find_browser
from neurofm_bids.report.viewer_volume import viewer_image
from neurofm_bids.storage.atomic import write_nifti

ROUNDS = 3


def load(path: Path, dtype: type) -> nib.Nifti1Image:
    image = nib.load(path)
    return nib.Nifti1Image(np.asarray(image.dataobj).astype(dtype), image.affine)


def drawings(out: Path, stem: str, source: Path):
    anat = out / stem.split("_")[0] / "anat"
    t1w = load(source, np.float32)
    mask, labels = (
        load(anat / f"{stem}_desc-{end}.nii.gz", np.uint8) for end in ("brain_mask", "anatomy_dseg")
    )
    corrected = load(anat / f"{stem}_desc-preproc_T1w.nii.gz", np.float32)
    grid = load(next(anat.glob(f"{stem}_space-*_desc-brain_T1w.nii.gz")), np.float32)
    record = json.loads(next(anat.glob(f"{stem}_desc-*_predictions.json")).read_text())
    affine = np.array(record["Measurements"]["Registration"]["Affine"])
    template = load_template()

    def viewer() -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "viewer.nii.gz"
            write_nifti(path, viewer_image(corrected, mask, labels))
            return path.read_bytes()

    return {
        "mask": lambda: figures.mask_figure(t1w, mask),
        "registration": lambda: "".join(
            figures.registration_figures(corrected, mask, template.image, template.mask, affine)
        ),
        "bias": lambda: figures.bias_figure(t1w, corrected, mask),
        "grid": lambda: figures.grid_figure(grid),
        "anatomy": lambda: figures.anatomy_figure(corrected, labels),
        "viewer": viewer,
    }


def measure_figures(options: argparse.Namespace) -> None:
    draw = drawings(options.out_dir, options.scan, options.t1w)
    seconds: dict[str, list[float]] = {name: [] for name in draw}
    sizes = {}
    for _ in range(ROUNDS):
        for name, function in draw.items():
            start = time.process_time()
            sizes[name] = len(function())
            seconds[name].append(time.process_time() - start)
    print("| Figure | CPU s | KB |\n| --- | --- | --- |")
    best = {name: min(values[1:]) for name, values in seconds.items()}
    for name in draw:
        print(f"| {name} | {best[name]:.2f} | {sizes[name] / 1000:.0f} |")
    print(f"| all | {sum(best.values()):.2f} | {sum(sizes.values()) / 1000:.0f} |")


def take_picture(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        command = [find_browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--screenshot={shot}", f"--window-size={options.width},{options.height}"]
        subprocess.run([*command, options.report.resolve().as_uri()], check=True, capture_output=True)
        Image.open(shot).convert("P", palette=Image.Palette.ADAPTIVE).save(options.png, optimize=True)


def copy_participants(out: Path, subject: str, root: Path, count: int) -> None:
    """Copy a participant of an output folder, figures as links, with other numbers for each copy."""
    files = [path for path in sorted((out / subject).rglob("*")) if path.is_file()]
    rng = np.random.default_rng(0)
    for number in range(count):
        name = f"sub-{number:05d}"
        for path in files:
            if path.parent.name == "anat" and path.name.endswith((".nii.gz", ".nii")):
                continue
            made = root / name / path.relative_to(out / subject).parent / path.name.replace(subject, name)
            made.parent.mkdir(parents=True, exist_ok=True)
            if path.parent.name == "figures":
                os.link(path, made)
                continue
            text = path.read_text().replace(subject, name).replace(f'"{subject[4:]}"', f'"{name[4:]}"')
            made.write_text(text)
            if path.name.endswith("_predictions.json"):
                record = json.loads(text)
                for prediction in record["Predictions"].values():
                    prediction["Value"] *= rng.uniform(0.9, 1.1)
                made.write_text(json.dumps(record))


def measure_rewriting(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        root, bids = Path(folder) / "out", Path(folder) / "bids"
        root.mkdir()
        for path in options.out_dir.iterdir():
            if path.is_file() and not path.name.startswith(("sub-", "group_")):
                shutil.copy(path, root / path.name)
        copy_participants(options.out_dir, options.scan.split("_")[0], root, options.scans)
        people = [f"sub-{number:05d}\tM\t{20 + number % 60}" for number in range(options.scans)]
        for number in range(options.scans):
            image = bids / f"sub-{number:05d}" / "anat" / f"sub-{number:05d}_T1w.nii.gz"
            image.parent.mkdir(parents=True)
            os.link(options.t1w, image)
        (bids / "participants.tsv").write_text("\n".join(["participant_id\tsex\tage", *people]) + "\n")
        (bids / "dataset_description.json").write_text(json.dumps({"Name": "b", "BIDSVersion": "1.10.0"}))
        command = [
            sys.executable,
            "-m",
            "neurofm_bids",
            str(bids),
            str(root),
            "participant",
            "--reports-only",
        ]
        start, before = time.perf_counter(), os.times()
        done = subprocess.run([*command, "-w", f"{folder}/work"], capture_output=True, text=True, check=False)
        wall, after = time.perf_counter() - start, os.times()
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        reports = sorted(root.glob("sub-*.html"))
        size = sum(path.stat().st_size for path in reports) / max(len(reports), 1) / 1e6
        print(done.stderr.splitlines()[-3:], done.stdout.splitlines()[-3:], f"exit code {done.returncode}")
        print(f"{len(reports)} reports of {size:.1f} MB: {wall:.1f} s, {cpu:.1f} CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    what = parser.add_subparsers(required=True)
    for name, run in (("figures", measure_figures), ("rewrite", measure_rewriting)):
        one = what.add_parser(name)
        one.add_argument("out_dir", type=Path)
        one.add_argument("--scan", required=True, help="name without suffix, such as sub-01")
        one.add_argument("--t1w", type=Path, required=True, help="the image that was processed")
        one.set_defaults(run=run)
    one.add_argument("--scans", type=int, default=1000)
    one.add_argument("--work", type=Path, required=True, help="folder for the copies, on the disk of both")
    picture = what.add_parser("picture")
    picture.add_argument("report", type=Path)
    picture.add_argument("png", type=Path)
    picture.add_argument("--width", type=int, default=1280)
    picture.add_argument("--height", type=int, default=1300)
    picture.set_defaults(run=take_picture)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
