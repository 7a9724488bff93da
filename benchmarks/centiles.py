"""What centiles of measured volumes are worth: how far the segmentation shifts them, and on which heads.

    python benchmarks/centiles.py DATA WORK [--synthetic 40 --maps MAPS ... --cache CACHE]

DATA holds aomic, ds000247, ds000011, ds002748 and oasis-manual; each scan is processed once, and its record
kept in WORK/records. Printed, in z-scores of the norms (1 is one sd between people):

- the shift of each volume against FreeSurfer's labels of three heads (AOMIC 0001 and 0002, OMEGA 0002), at
  the same age, sex and head size;
- with ``--synthetic``, against the true volumes of so many synthetic brains of the held-out label maps;
- mean and sd of the z-scores of the people of each dataset, and the part of their centiles below 5 and above
  95;
- the ratio of measured intracranial volume and eTIV that the measured brains imply;
- the z-scores of the brain volumes of the synthetic population, whose volumes and cavities are known.

Nothing is fitted.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from neurofm_bids import NeuroFM
from neurofm_bids.anatomy.morphometry import MEASURED
from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.bids.covariates import Covariates
from neurofm_bids.bids.demographics import Person
from neurofm_bids.geometry import voxel_volume_mm3
from neurofm_bids.norms.centiles import centiles
from neurofm_bids.norms.head_size import CRANIUM_PER_ETIV, head_size
from neurofm_bids.norms.published import ETIV_ML
from neurofm_bids.norms.reference import PUBLISHED
from neurofm_bids.records.anatomy import structure_and_side
from neurofm_bids.records.scan import Identity, ScanRecord

DATASETS = ("aomic", "ds000247", "ds000011", "ds002748", "oasis-manual")
LABELS = {
    "aomic_sub-0001": "aomic/sub-0001_aparc+aseg.mgz",
    "aomic_sub-0002": "aomic/sub-0002_aparc+aseg.mgz",
    "ds000247_sub-0002": "ds000247/sub-0002_aseg.mgz",
}
CORTEX, HYPOINTENSITIES = {"left": 3, "right": 42}, 77
WITH_NORMS = [name for name in MEASURED if PUBLISHED.covers(name, name)]
PEOPLE = 3000


def images(data: Path) -> dict[str, Path]:
    """Return the T1w images by dataset and participant."""
    found = {
        f"{name}_{path.name.split('_')[0]}": path
        for name in DATASETS
        for pattern in ("sub-*_T1*.mgz", "sub-*/anat/*_T1w.nii.gz")
        for path in sorted((data / name).glob(pattern))
    }
    return dict(sorted(found.items()))


def measured(data: Path, work: Path) -> dict[str, tuple[ScanRecord, Person]]:
    """Return record and person of each scan, processed unless it was before."""
    folder, model, scans = work / "records", None, {}
    folder.mkdir(parents=True, exist_ok=True)
    tables = {name: Covariates(data / name) for name in DATASETS}
    for name, image in images(data).items():
        path, (dataset, subject) = folder / f"{name}.json", name.split("_")
        if not path.is_file():
            model = model or NeuroFM("open-s", device="cpu")
            path.write_text(json.dumps(model.predict(image).to_dict()))
        record = ScanRecord.from_dict(json.loads(path.read_text()))
        identity = Identity(f"bids:raw:{subject}/anat/{subject}_T1w.nii.gz", subject, subject[4:])
        person = tables[dataset].person(identity)
        if person.age_text and person.age_years is None:  # AOMIC: "Years, with one quantile precision"
            person = replace(person, age_years=float(person.age_text))
        scans[name] = record, person
    return scans


def labelled_mm3(path: Path) -> dict[str, float]:
    """Return FreeSurfer's volumes by name, without lobes where there are no parcels."""
    image = nib.load(path)
    codes, counts = np.unique(np.asarray(image.dataobj), return_counts=True)
    mm3 = dict(zip(codes.tolist(), (counts * voxel_volume_mm3(image.affine)).tolist(), strict=True))
    has_parcels = max(mm3) >= 1000
    regions = []
    for region in REGIONS:
        structure = STRUCTURES[region.structure]
        own = structure.right if region.side == "right" else structure.left
        volume = sum(mm3.get(code, 0.0) for code in own)
        if structure.name == "white_matter":
            volume += mm3.get(HYPOINTENSITIES, 0.0) / 2
        if structure.kind == "cortex" and not has_parcels:
            volume = mm3[CORTEX[region.side]] / 6  # all six lobes together are right
        regions.append(volume)
    lobes = {r.name for r in REGIONS if STRUCTURES[r.structure].kind == "cortex"}
    return {
        name: sum(regions[member] for member in MEASURED[name])
        for name in WITH_NORMS
        if has_parcels or name not in lobes
    }


def z_of(name: str, mm3: float, person: Person, head_ml: float | None) -> float:
    expected = PUBLISHED.expect(name, name, person.age_years, person.sex, head_ml)
    return np.nan if expected.distribution is None else expected.distribution.z(mm3)


def shifts(data: Path, scans: dict[str, tuple[ScanRecord, Person]]) -> pd.DataFrame:
    """Return z of the measured minus z of FreeSurfer's volume, by volume and head, and bias in percent."""
    columns = {}
    for head, labels in LABELS.items():
        record, person = scans[head]
        known, size = labelled_mm3(data / labels), head_size(record)
        for name, mm3 in known.items():
            own = record.anatomy.volumes[name].mm3
            z = [z_of(name, value, person, size.ml) for value in (own, mm3)]
            columns.setdefault(f"z, {head}", {})[name] = z[0] - z[1]
            columns.setdefault(f"%, {head}", {})[name] = 100 * (own / mm3 - 1)
    table = pd.DataFrame(columns).reindex(WITH_NORMS)
    table.insert(0, "mean z", table.filter(like="z,").mean(axis=1, skipna=True))
    return table


def synthetic_shifts(maps: list[Path], cache: Path, count: int) -> pd.DataFrame:
    """Return the shift on synthetic brains of held-out label maps, in z-scores of people of 50 years."""
    from neurofm_bids.anatomy.morphometry import summed
    from neurofm_bids.anatomy.segmentation import lattice_volumes
    from neurofm_bids.anatomy.weights import load_anatomy_network
    from neurofm_bids.option import make
    from neurofm_bids.pretrain.anatomy.cache import load_anatomies
    from neurofm_bids.pretrain.training.data import ExampleDataset, SampleOrder
    from neurofm_bids.pretrain.training.recipe import Recipe
    from neurofm_bids.pretrain.training.segmentation import SegmentationObjective
    from neurofm_bids.storage.weights_file import read_weights

    weights = Path(__file__).parents[1] / "neurofm_bids/data/weights/open-anatomy.safetensors"
    network, recipe = load_anatomy_network(weights), make(Recipe, read_weights(weights).provenance["recipe"])
    anatomies = [a for a in load_anatomies(maps, cache) if a.name in recipe.held_out]
    order = SampleOrder(recipe.seed + 3, round_size=count)  # not the brains of the calibration
    brains = ExampleDataset(SegmentationObjective(recipe), anatomies, order, range(count), None)
    rows, person = [], Person(50.0, sex="F")
    for number in range(count):
        example = brains[number]
        true, (found, confidence) = example.volumes_mm3(), lattice_volumes(network, example.image)
        row = {}
        for name in WITH_NORMS:
            members = list(MEASURED[name])
            own, known = summed(found, confidence, members)[0], float(true[members].sum())
            if own > 0 and known > 0:
                z = [z_of(name, value, person, None) for value in (own, known)]
                row |= {f"z {name}": z[0] - z[1], f"% {name}": 100 * (own / known - 1)}
        rows.append(row)
    table = pd.DataFrame(rows)
    return pd.DataFrame(
        {
            f"{kind}, {statistic}": [getattr(table[f"{kind} {name}"], statistic)() for name in WITH_NORMS]
            for kind in ("z", "%")
            for statistic in ("mean", "std")
        },
        index=WITH_NORMS,
    )


def cohorts(scans: dict[str, tuple[ScanRecord, Person]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return mean and sd of z by volume and dataset, and the shares of extreme centiles."""
    rows = [
        {"dataset": name.split("_")[0], "name": item.key, "z": item.z, "centile": item.centile}
        for name, (record, person) in scans.items()
        for item in centiles(record, person)
        if item.z is not None
    ]
    table = pd.DataFrame(rows)
    grouped = table.groupby(["name", "dataset"]).z
    means = grouped.mean().unstack()
    means["all"], means["sd of all"] = table.groupby("name").z.mean(), table.groupby("name").z.std()
    low, high = (
        table.groupby("name").centile.apply(lambda c, side=side: 100 * float(side(c).mean()))
        for side in (lambda c: c < 5, lambda c: c > 95)
    )
    return means.loc[list(dict.fromkeys(table.name))], pd.DataFrame({"% below 5": low, "% above 95": high})


def shifted(shift: pd.Series, people: pd.Series) -> list[str]:
    """Return structures and sums that differ by 1.0 sd or more, on average over sides and heads or people."""
    means = [
        column.groupby([structure_and_side(name)[0] for name in column.index], sort=False).mean()
        for column in (shift, people[[name for name in people.index if name in WITH_NORMS]])
    ]
    return [name for name in means[0].index if max(round(abs(mean[name]), 1) for mean in means) >= 1]


def head_sizes(scans: dict[str, tuple[ScanRecord, Person]]) -> pd.DataFrame:
    """Return, where the head was measured, the ratio of its volume and eTIV that the brain implies.

    It is the share of eTIV that a brain of the norms fills at this age and sex, over the measured share.
    """
    rows = []
    for name, (record, person) in scans.items():
        size = head_size(record)
        if size is None or person.age_years is None or person.sex is None:
            continue
        share = record.anatomy.volumes["brain"].mm3 / 1000 / size.ml
        etiv = ETIV_ML[person.sex]
        at_mean = PUBLISHED.expect("brain", "brain", person.age_years, person.sex, etiv * CRANIUM_PER_ETIV)
        expected = at_mean.distribution.median / 1000 / etiv
        rows.append((name, size.ml, share, expected, expected / share))
    columns = ["scan", "intracranial ml", "brain share", "share of eTIV", "ratio"]
    table = pd.DataFrame(rows, columns=columns).set_index("scan")
    return pd.concat([table, table.agg(["mean", "std"])])


def etiv_of_aomic(data: Path) -> pd.DataFrame:
    """Return FreeSurfer's eTIV of the people of AOMIC in ml, by sex, and the brain over it."""
    stats = data / "aomic" / "fs_stats" / "data-cortical_type-aparc_measure-thickness_hemi-lh.tsv"
    table = pd.read_csv(stats, sep="\t", index_col=0)
    sexes = pd.read_csv(data / "aomic" / "participants.tsv", sep="\t", index_col=0).sex
    table = table.assign(sex=sexes, share=table.BrainSegVolNotVent / table.eTIV, eTIV=table.eTIV / 1000)
    found = table.groupby("sex").agg({"eTIV": ["count", "mean", "std"], "share": ["mean", "std", "max"]})
    found.columns = [" ".join(names) for names in found.columns]
    return found


def z_of_ratio(change: float = 0.02) -> float:
    """Return by how much the z of a brain changes with the ratio of intracranial volume and eTIV."""
    size, person = ETIV_ML["F"] * CRANIUM_PER_ETIV, Person(50.0, sex="F")
    expected = PUBLISHED.expect("brain", "brain", 50.0, "F", size).distribution
    other = size * CRANIUM_PER_ETIV / (CRANIUM_PER_ETIV + change)
    return z_of("brain", expected.median, person, other)


def population() -> pd.DataFrame:
    """Return mean, sd and slope on head size of the z of brain volumes of synthetic people, by ages."""
    from neurofm_bids.pretrain.synthesis.population import draw_person
    from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

    people = [draw_person(RandomFields((7, number))) for number in range(PEOPLE)]
    rows = [
        (
            pd.cut([p.age_years], [18, 30, 45, 60, 75, 95])[0],
            p.cranium_ml,
            z_of("brain", p.brain_ml * 1000, Person(p.age_years, sex=p.sex), p.cranium_ml),
            z_of("brain", p.brain_ml * 1000, Person(p.age_years, sex=p.sex), None),
        )
        for p in people
        if p.age_years is not None
    ]
    table = pd.DataFrame(rows, columns=["ages", "cranium", "z", "z without head size"])
    found = table.groupby("ages", observed=True)[["z", "z without head size"]].agg(["mean", "std"])
    found.columns = [" ".join(names) for names in found.columns]
    found["z per 100 ml"] = [
        100 * np.polyfit(group.cranium, group.z, 1)[0] for _, group in table.groupby("ages", observed=True)
    ]
    return found


def show(title: str, table: pd.DataFrame) -> None:
    cells = [["", *map(str, table.columns)], ["---"] * (1 + table.shape[1])]
    for name, row in table.iterrows():
        cells.append([str(name), *("" if pd.isna(value) else f"{value:.2f}" for value in row)])
    print(f"\n## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--synthetic", type=int, default=0)
    parser.add_argument("--maps", type=Path, nargs="+", default=[])
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    scans = measured(options.data, options.work)
    means, extremes = cohorts(scans)
    show(f"z of {len(scans)} scans by dataset", means)
    show("Extreme centiles", extremes)
    shift = shifts(options.data, scans)
    show("Shift against labels of FreeSurfer", shift)
    print("\nshifted:", json.dumps(shifted(shift["mean z"], means["all"])))
    show("Head size", head_sizes(scans))
    print(f"\nz of brain volume for a ratio that is .02 higher: {z_of_ratio():.2f}")
    show("eTIV of AOMIC", etiv_of_aomic(options.data))
    show("Synthetic population", population())
    if options.synthetic:
        found = synthetic_shifts(options.maps, options.cache, options.synthetic)
        show(f"Shift on {options.synthetic} synthetic brains of held-out label maps", found)


if __name__ == "__main__":
    main()
