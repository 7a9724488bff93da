"""Compare weights on real scans and on synthetic samples of held-out label maps.

Usage: python benchmarks/validation.py SHARED WORK NAME=WEIGHTS [NAME=WEIGHTS ...]

SHARED has ``data/`` (see docs/validation.md); WORK keeps preprocessed volumes and the evaluation reports.
Printed: a table for each dataset with weights as columns, baselines without a network included.
"""

import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np

from neurofm_bids.config import Processing
from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.weights import load_network
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.anatomy.label_map import CODES, read_label_map
from neurofm_bids.pretrain.evaluation.dataset import evaluate
from neurofm_bids.pretrain.evaluation.report import write_evaluation
from neurofm_bids.pretrain.evaluation.summary import summarise
from neurofm_bids.pretrain.settings import Evaluation
from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder
from neurofm_bids.pretrain.training.features import FeatureObjective, evaluate_features
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.storage.atomic import file_sha256, write_json, write_nifti, write_text

HELD_OUT = ("subject-07", "subject-10", "subject-16")  # in the training of open-s
# Whole heads with FreeSurfer labels: T1w, labels, age, sex.
LABELLED = {
    "aomic1": ("aomic/sub-0001_T1w.mgz", "aomic/sub-0001_aseg.mgz", "25.5", "M"),
    "aomic2": ("aomic/sub-0002_T1w.mgz", "aomic/sub-0002_aseg.mgz", "23.25", "F"),
    "omega2": ("ds000247/sub-0002_T1.mgz", "ds000247/sub-0002_aseg.mgz", "23", "M"),
}


def labelled_dataset(data, out):
    """Write the labelled heads as a BIDS dataset whose participants.tsv holds the labels' volumes."""
    if (out / "participants.tsv").is_file():
        return out
    rows = ["participant_id\tage\tsex\tbrain_volume_mm3\tventricular_volume_mm3"]
    for name, (t1w, labels, age, sex) in LABELLED.items():
        image = nib.load(data / t1w)
        voxels = np.asarray(image.dataobj, dtype=np.float32)
        target = out / f"sub-{name}" / "anat" / f"sub-{name}_T1w.nii.gz"
        write_nifti(target, nib.Nifti1Image(voxels, image.affine))
        brain, lateral = known_volumes(read_label_map(data / labels))
        rows.append(f"sub-{name}\t{age}\t{sex}\t{brain}\t{lateral}")
    write_json(out / "dataset_description.json", {"Name": "Labelled heads", "BIDSVersion": "1.10.0"})
    write_text(out / "participants.tsv", "\n".join(rows) + "\n")
    return out


def known_volumes(labels):
    """Return the volumes of brain tissue and of lateral ventricles in mm3."""
    lateral = np.isin(labels, CODES["lateral ventricles"])
    outside = lateral | np.isin(labels, (*CODES["outside"], *CODES["other ventricles"]))
    return np.count_nonzero(~outside), np.count_nonzero(lateral)


def synthetic(data, work, weights):
    """Return the scores of weights on 64 samples of the held-out maps."""
    recipe = Recipe()
    maps = (data / "label-maps", data / "label-maps-2")
    anatomies = [a for a in load_anatomies(maps, work / "maps") if a.name in HELD_OUT]
    count = recipe.held_out_samples
    samples = work / "samples"
    samples.mkdir(exist_ok=True)
    objective, order = FeatureObjective(recipe), SampleOrder(recipe.seed + 1, 2, count)
    dataset = ExampleDataset(objective, anatomies, order, range(count), samples)
    return evaluate_features(load_network(weights, model_spec("open-s")), [dataset[n] for n in range(count)])


def flat(tree, path=()):
    """Yield (path, number) of a nested summary."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from flat(value, (*path, key))
        elif value is not None:
            yield " ".join((*path, key)), value


def table(title, columns):
    """Print summaries side by side."""
    names = sorted({key for column in columns.values() for key in column})
    print(f"\n## {title}\n\n| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for key in names:
        cells = [f"{column[key]:.3f}" if key in column else "" for column in columns.values()]
        print(f"| {key} | {' | '.join(cells)} |", flush=True)


def main():
    shared, work, *given = sys.argv[1:]
    data, work = Path(shared) / "data", Path(work)
    work.mkdir(parents=True, exist_ok=True)
    weights = {name: Path(path) for name, path in (text.split("=", 1) for text in given)}
    table("synthetic, held-out maps", {n: synthetic(data, work, w) for n, w in weights.items()})
    datasets = {
        "labelled": labelled_dataset(data, work / "labelled-bids"),
        "ds000011": data / "ds000011",
        "ds002748": data / "ds002748",
    }
    pooled = {name: [] for name in weights}
    for title, dataset in datasets.items():
        columns = {}
        for name, path in weights.items():
            stability = title != "ds002748"  # already skull-stripped: there is no wider mask
            settings = Evaluation(bids_dir=dataset, out=work / title, stability=stability, nprocs=2)
            processing = Processing(weights=path)
            scans, failed = evaluate(settings, processing)
            named = replace(processing, model=name)
            write_evaluation(scans, failed, work / title / name, named, file_sha256(path))
            columns[name] = dict(flat(summarise(scans)))
            pooled[name] += scans
        table(title, columns)
    table("all real scans", {n: dict(flat(summarise(scans))) for n, scans in pooled.items()})


if __name__ == "__main__":
    main()
