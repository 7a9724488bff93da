"""Compare weights on real scans and on synthetic samples of held-out label maps.

Usage: python -m benchmarks.validation SHARED WORK NAME=WEIGHTS [NAME=WEIGHTS ...]

SHARED has ``data/`` (see docs/validation.md); WORK keeps preprocessed volumes and the evaluation reports.
Printed: how well true volumes predict age; a table for each dataset with weights as columns, baselines
without a network included; and what the features hold: participation ratios, and correlations of volumes and
shares of structures with what ridge regressions, cross-validated over people, read from them and from the
four outputs. Where the volumes of fewer than 30 people are known, this is printed of segmented volumes only.
Scans of which benchmarks/segmented_maps.py made label maps are included; a second table leaves them out.
"""

import sys
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np

from benchmarks.dimension import (
    FEATURE_SET,
    KNOWN,
    OUTPUT_SET,
    WITH_VOLUMES,
    correlations,
    in_order,
    real_sample,
    with_shares,
)
from benchmarks.population import draw, errors_of_age
from benchmarks.segmented_maps import SCANS
from neurofm_bids.config import Processing
from neurofm_bids.model.registry import model_spec
from neurofm_bids.model.weights import load_network
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.anatomy.label_map import CODES, read_label_map
from neurofm_bids.pretrain.evaluation.dataset import evaluate
from neurofm_bids.pretrain.evaluation.dimension import participation_ratio
from neurofm_bids.pretrain.evaluation.probes import ridge_predictions
from neurofm_bids.pretrain.evaluation.protocols import predicted_ml
from neurofm_bids.pretrain.evaluation.report import write_evaluation
from neurofm_bids.pretrain.evaluation.summary import summarise
from neurofm_bids.pretrain.settings import Evaluation
from neurofm_bids.pretrain.synthesis.population import AGE_POWER
from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder
from neurofm_bids.pretrain.training.features import FeatureObjective, encode_examples, evaluate_features
from neurofm_bids.pretrain.training.recipe import Recipe
from neurofm_bids.pretrain.training.region_losses import cell_ml
from neurofm_bids.storage.atomic import file_sha256, write_json, write_nifti, write_text

HELD_OUT = ("subject-07", "subject-10", "subject-16")  # in the training of open-s
PROBED = 300  # synthetic people from whom volumes of structures are read
OTHERS = "without those of the label maps"
FEWEST = 30  # people with known volumes; a regression on 160 features says nothing of fewer
# Whole heads with FreeSurfer labels: T1w, labels, age, sex.
LABELLED = {
    "aomic1": ("aomic/sub-0001_T1w.mgz", "aomic/sub-0001_aseg.mgz", "25.5", "M"),
    "aomic2": ("aomic/sub-0002_T1w.mgz", "aomic/sub-0002_aseg.mgz", "23.25", "F"),
    "omega2": ("ds000247/sub-0002_T1.mgz", "ds000247/sub-0002_aseg.mgz", "23", "M"),
}


def labelled_dataset(data, out):
    """Write the labelled heads as a BIDS dataset with label images, and their volumes in participants.tsv."""
    if (out / "participants.tsv").is_file() and (out / "derivatives").is_dir():
        return out
    rows = ["participant_id\tage\tsex\tbrain_volume_mm3\tventricular_volume_mm3"]
    for name, (t1w, labels, age, sex) in LABELLED.items():
        image = nib.load(data / t1w)
        voxels = np.asarray(image.dataobj, dtype=np.float32)
        target = out / f"sub-{name}" / "anat" / f"sub-{name}_T1w.nii.gz"
        write_nifti(target, nib.Nifti1Image(voxels, image.affine))
        codes = nib.load(data / labels)
        target = out / "derivatives" / "labels" / f"sub-{name}" / "anat" / f"sub-{name}_dseg.nii.gz"
        write_nifti(target, nib.Nifti1Image(np.asarray(codes.dataobj, dtype=np.int16), codes.affine))
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


def held_out_examples(data, work, count, seed):
    """Return samples of the held-out maps, which are kept in WORK."""
    maps = (data / "label-maps", data / "label-maps-2")
    anatomies = [a for a in load_anatomies(maps, work / "maps") if a.name in HELD_OUT]
    samples = work / "samples"
    samples.mkdir(exist_ok=True)
    order = SampleOrder(seed, 2, count)
    dataset = ExampleDataset(FeatureObjective(Recipe()), anatomies, order, range(count), samples)
    return [dataset[number] for number in range(count)]


def synthetic_people(network, examples):
    """Return what features hold of samples, and the errors of age by decade."""
    outputs, features = encode_examples(network, examples)
    cells = [example.regions.double() for example in examples]
    volumes = [one.sum(dim=(1, 2, 3)).numpy() * cell_ml(one.shape[-1]) for one in cells]
    known = in_order([predicted_ml(1000 * one) for one in volumes])
    people = [str(number) for number in range(len(examples))]
    ages = np.array([float(example.age_years) for example in examples])
    held = held_by({OUTPUT_SET: outputs, FEATURE_SET: features}, known, people)
    return held | age_bias(ages, outputs[:, 0])


def age_bias(known, predicted):
    """Return number of people and mean error of age by decade."""
    scores = {}
    for low in range(10, 100, 10):
        gap = (predicted - known)[(known >= low) & (known < low + 10)]
        if gap.size:
            scores |= {f"age {low}-{low + 9}, n": gap.size, f"age {low}-{low + 9}, bias": gap.mean()}
    return scores


def held_by(sets, volumes, people):
    """Return participation ratios of sets of numbers, and how volumes, (n, 16), are read from them."""
    scores = {"people": len(set(people))}
    scores |= {f"participation ratio, {name}": participation_ratio(numbers) for name, numbers in sets.items()}
    measured = np.isfinite(volumes).all(axis=1)
    owners = [person for person, one in zip(people, measured, strict=True) if one]
    if len(set(owners)) < FEWEST:
        return scores
    targets = with_shares(volumes[measured])
    r = {
        name: correlations(ridge_predictions(numbers[measured], targets, owners), targets)
        for name, numbers in sets.items()
    }
    names = [*KNOWN, *(f"{name}, share" for name in KNOWN[:-1])]
    for index, name in enumerate(names):
        scores |= {f"r of {name}, {source}": found[index] for source, found in r.items()}
    shares = range(len(KNOWN), len(names))
    for source, found in r.items():
        scores[f"shares with r of .4, {source}"] = sum(found[i] >= 0.4 for i in shares)
        scores[f"shares better than four outputs, {source}"] = sum(
            found[i] > r[OUTPUT_SET][i] for i in shares
        )
    return scores


def held_on_real_scans(samples):
    """Return what is held of known volumes, with and without regional volumes, and of segmented ones."""
    people = [person for sample in samples for person in sample.people]
    sets = [sample.sets() for sample in samples]
    names = (OUTPUT_SET, FEATURE_SET, WITH_VOLUMES)
    pooled = {name: np.concatenate([one[name] for one in sets]) for name in names}
    known = np.concatenate([sample.known for sample in samples])
    segmented = np.concatenate([sample.segmented() for sample in samples])
    without = {name: pooled[name] for name in names[:2]}
    return held_by(pooled, known, people), held_by(without, segmented, people)


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


def synthetic(networks, data, work):
    """Print how the weights do on samples of the held-out label maps."""
    recipe = Recipe()
    examples = held_out_examples(data, work, recipe.held_out_samples, recipe.seed + 1)
    table("synthetic, held-out maps", {n: evaluate_features(net, examples) for n, net in networks.items()})
    examples = held_out_examples(data, work, PROBED, recipe.seed + 2)
    title = f"synthetic, held-out maps, {PROBED} others"
    table(title, {n: evaluate_features(net, examples) for n, net in networks.items()})
    columns = {n: synthetic_people(net, examples) for n, net in networks.items()}
    table("features and age, synthetic, held-out maps", columns)


def real(weights, data, work):
    """Print how the weights do on the real scans."""
    labelled, oasis = labelled_dataset(data, work / "labelled-bids"), data / "oasis-manual"
    datasets = {  # folder, label images, whether it has heads
        "labelled": (labelled, labelled / "derivatives" / "labels", True),
        "ds000011": (data / "ds000011", None, True),
        "ds002748": (data / "ds002748", None, False),
        "oasis": (oasis, oasis / "derivatives" / "manual", False),
    }
    pooled = {name: [] for name in weights}
    other_pooled = {name: [] for name in weights}
    samples = {name: [] for name in weights}
    for title, (dataset, labels, has_heads) in datasets.items():
        columns, others = {}, {}
        for name, path in weights.items():  # already skull-stripped: there is no wider mask
            settings = Evaluation(bids_dir=dataset, out=work / title, stability=has_heads, nprocs=2)
            processing = Processing(weights=path)
            scans, failed = evaluate(settings, processing)
            named = replace(processing, model=name)
            write_evaluation(scans, failed, work / title / name, named, file_sha256(path))
            other = [scan for scan in scans if scan.participant not in SCANS.get(title, ())]
            columns[name], others[name] = (dict(flat(summarise(group))) for group in (scans, other))
            pooled[name] += scans
            other_pooled[name] += other
            samples[name].append(real_sample(dataset, work / title, path, None, labels))
        table(title, columns)
        if title in SCANS:
            table(f"{title}, {OTHERS}", others)
    for title, scans_of in (("all real scans", pooled), (f"all real scans, {OTHERS}", other_pooled)):
        table(title, {n: dict(flat(summarise(scans))) | ages(scans) for n, scans in scans_of.items()})
    held = {name: held_on_real_scans(of_datasets) for name, of_datasets in samples.items()}
    table("features, all real scans, known volumes", {n: known for n, (known, _) in held.items()})
    table("features, all real scans, segmented volumes", {n: found for n, (_, found) in held.items()})


def ages(scans):
    """Return the errors of age of evaluated scans by decade."""
    return age_bias(*(np.array([getattr(s, of)["age"] for s in scans]) for of in ("known", "predicted")))


def main():
    shared, work, *given = sys.argv[1:]
    data, work = Path(shared) / "data", Path(work)
    work.mkdir(parents=True, exist_ok=True)
    weights = {name: Path(path) for name, path in (text.split("=", 1) for text in given)}
    networks = {name: load_network(path, model_spec("open-s")) for name, path in weights.items()}
    print("\n## age from true volumes: what no network can do better\n")
    errors_of_age([person for person in draw(AGE_POWER, 2) if person.age_years is not None])
    synthetic(networks, data, work)
    real(weights, data, work)


if __name__ == "__main__":
    main()
