"""Make the norms of the synthetic population from those of FreeSurfer's measures.

Usage: python benchmarks/make_norms.py NORMS_TSV THICKNESS_LH_TSV THICKNESS_RH_TSV PARTICIPANTS_TSV

NORMS_TSV has one row per FreeSurfer measure, sex and age: mean, sd between people of one age, sex and head
size (eTIV), and slope per 100 ml of eTIV, computed from the models of NOMIS (Potvin et al. 2021). The other
tables are those of AOMIC: cortical thickness of 226 people. Written into ``neurofm_bids/data``: ``norms.tsv``
(means, sd and slopes of the 42 regions) and ``norms_correlation.tsv`` (correlations between regions at given
age, sex and head size). Printed: the correlations, the sd of sums of regions against those of the table, and
other numbers of the population.

The table has the sd of regions and of their sums, so correlations follow from it under these assumptions:

- Regions form five families. Within a family, pairs of one kind (both sides of a structure, different
  structures) have one correlation, and one of these reproduces the sd of the family's total.
- Families are correlated through their totals only, and these through one common factor.
"""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from neurofm_bids.anatomy.regions import LOBES, REGIONS, STRUCTURES

DATA = Path(__file__).resolve().parents[1] / "neurofm_bids" / "data"
PARCELS = {  # of the DKT atlas; it has no bankssts (1), frontalpole (32) and temporalpole (33)
    2: "caudalanteriorcingulate",
    3: "caudalmiddlefrontal",
    5: "cuneus",
    6: "entorhinal",
    7: "fusiform",
    8: "inferiorparietal",
    9: "inferiortemporal",
    10: "isthmuscingulate",
    11: "lateraloccipital",
    12: "lateralorbitofrontal",
    13: "lingual",
    14: "medialorbitofrontal",
    15: "middletemporal",
    16: "parahippocampal",
    17: "paracentral",
    18: "parsopercularis",
    19: "parsorbitalis",
    20: "parstriangularis",
    21: "pericalcarine",
    22: "postcentral",
    23: "posteriorcingulate",
    24: "precentral",
    25: "precuneus",
    26: "rostralanteriorcingulate",
    27: "rostralmiddlefrontal",
    28: "superiorfrontal",
    29: "superiorparietal",
    30: "superiortemporal",
    31: "supramarginal",
    34: "transversetemporal",
    35: "insula",
}
MEASURES = {
    "thalamus": "thalamus-proper",
    "accumbens": "accumbens-area",
    "ventral_diencephalon": "ventraldc",
    "cerebellar_cortex": "cerebellum-cortex",
    "cerebellar_white_matter": "cerebellum-white-matter",
    "brainstem": "brain-stem",
    "corpus_callosum": "cc",
    "lateral_ventricle": "lateral-ventricle",
    "inferior_lateral_ventricle": "inf-lat-vent",
    "third_ventricle": "3rd-ventricle",
    "fourth_ventricle": "4th-ventricle",
}
COLUMNS = ("mean", "slope_per_100ml_etiv")
MIDDLE_AGE = 55
# Not in the table: correlations of both sides, means over structures on label maps
# (benchmarks/label_maps.py), and correlations that are assumed.
SIDES_DEEP, SIDES_CEREBELLUM = 0.75, 0.85
CEREBELLAR_CORTEX_AND_WHITE, CALLOSUM_AND_WHITE = 0.5, 0.5
VENTRICLES, FOURTH_VENTRICLE = 0.55, 0.2
FRACTION_AND_VENTRICLES = -0.6
# sd of log(brain / cranial cavity) in young and old people of one age, OASIS-1 (Marcus et al. 2007).
FRACTION_SD = (0.024, 0.036)


def sides():
    return (("left", "lh"), ("right", "rh"))


def measures_of(region):
    """Return the measures of the table, with weights, whose sum is the volume of a region."""
    structure = STRUCTURES[region.structure]
    hemisphere = dict(sides()).get(region.side)
    if structure.kind == "cortex":
        return {f"{hemisphere}-{PARCELS[n]}_grayvol": 1.0 for n in LOBES[structure.name] if n in PARCELS}
    if structure.name == "white_matter":  # CerebralWhiteMatterVol includes the corpus callosum
        return {f"{hemisphere}cerebralwhitemattervol": 1.0, "cc": -0.5}
    measure = MEASURES.get(structure.name, structure.name)
    return {f"{region.side}-{measure}" if region.side else measure: 1.0}


def pairs(names, same, other):
    """Return a correlation matrix: ``same`` for both sides of a structure, ``other`` for other pairs."""
    bare = np.array([re.sub("^(left|right|lh|rh)-", "", name) for name in names])
    matrix = np.where(bare[:, None] == bare, same, other)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def solve(matrix_of, weights, sd):
    """Return the correlation for which a weighted sum has the given sd; its variance is linear in it."""
    none, full = (weights @ matrix_of(r) @ weights for r in (0.0, 1.0))
    return (sd**2 - none) / (full - none)


class Family:
    """Regions, their correlations, and their weights (times sd) in the total of the family."""

    def __init__(self, names, matrix, weights):
        self.names, self.matrix, self.weights = list(names), matrix, np.asarray(weights, dtype=float)
        self.total = float(np.sqrt(self.weights @ matrix @ self.weights))
        self.loading = matrix @ self.weights / self.total  # correlation of each region with the total


def cortex(sd, thickness):
    """Return the family of parcels, with the pattern of correlations that thickness has."""
    names = [f"{h}-{parcel}_grayvol" for _, h in sides() for parcel in PARCELS.values()]
    lobes = np.tile([lobe_of(code) for code in PARCELS], 2)
    factor = np.where(lobes[:, None] == lobes, thickness["same lobe"] / thickness["other lobe"], 1.0)
    n = len(PARCELS)
    left, right = slice(0, n), slice(n, None)
    weights = sd[names].to_numpy()

    def one_side(r):
        return pairs(names[:n], 1.0, factor[:n, :n] * r)

    totals = ((left, "lhcortexvol"), (right, "rhcortexvol"))
    within = np.mean([solve(one_side, weights[side], sd[total]) for side, total in totals])

    def matrix_of(across):
        matrix = pairs(names, thickness["both sides"], factor * across)
        matrix[left, left] = matrix[right, right] = one_side(within)
        return matrix

    across = solve(matrix_of, weights, sd["cortexvol"])
    print(f"parcels of different lobes: same hemisphere {within:.3f}, other hemisphere {across:.3f}")
    return Family(names, matrix_of(across), weights)


def lobe_of(code):
    return next(lobe for lobe, codes in LOBES.items() if code in codes)


def white(sd):
    names = ["lhcerebralwhitemattervol", "rhcerebralwhitemattervol", "cc"]
    weights = np.array([*sd[names[:2]], 0.0])

    def matrix_of(r):
        c = CALLOSUM_AND_WHITE
        return np.array([[1, r, c], [r, 1, c], [c, c, 1]])

    r = solve(matrix_of, weights, sd["cerebralwhitemattervol"])
    print(f"white matter: both sides {r:.3f}")
    return Family(names, matrix_of(r), weights)


def deep(sd):
    names = [m for region in REGIONS if kind(region) == "deep grey matter" for m in measures_of(region)]
    weights = np.append(sd[names], 0.0)  # SubCortGrayVol has no brainstem
    names = [*names, "brain-stem"]
    r = solve(lambda r: pairs(names, SIDES_DEEP, r), weights, sd["subcortgrayvol"])
    print(f"deep grey matter and brainstem: both sides {SIDES_DEEP}, other pairs {r:.3f}")
    return Family(names, pairs(names, SIDES_DEEP, r), weights)


def cerebellum(sd):
    names = [f"{side}-cerebellum-{part}" for part in ("cortex", "white-matter") for side, _ in sides()]
    return Family(names, pairs(names, SIDES_CEREBELLUM, CEREBELLAR_CORTEX_AND_WHITE), sd[names])


def ventricles(sd, means):
    """Return the family of ventricles; its total is the relative change of their sum."""
    names = [f"{side}-{part}" for part in ("lateral-ventricle", "inf-lat-vent") for side, _ in sides()]
    names += ["3rd-ventricle", "4th-ventricle"]
    relative = np.append(sd[names[:-1]] * np.log(10), sd[names[-1]] / means[names[-1]])
    volumes = np.append(10 ** means[names[:-1]], means[names[-1]])
    weights = relative * volumes / volumes.sum()

    def matrix_of(r):
        matrix = pairs(names, r, VENTRICLES)
        matrix[-1, :-1] = matrix[:-1, -1] = FOURTH_VENTRICLE
        return matrix

    r = solve(matrix_of, weights, sd["ventricles"] * np.log(10))
    print(f"ventricles: both sides {r:.3f}, fourth {FOURTH_VENTRICLE}, other pairs {VENTRICLES}")
    return Family(names, matrix_of(r), weights)


def kind(region):
    return STRUCTURES[region.structure].kind


def common_factor(families, sd, ventricular_sd):
    """Return the loading of each family's total on the common factor, from the sd of sums of families."""
    cerebrum = [families[name].total for name in ("cortex", "white", "deep")]
    inside = sd["supratentorialvolnotvent"] ** 2 - np.sum(np.square(cerebrum))
    loading = np.sqrt(inside / (np.sum(cerebrum) ** 2 - np.sum(np.square(cerebrum))))
    hindbrain = families["cerebellum"].total
    rest = sd["brainsegvolnotvent"] ** 2 - sd["supratentorialvolnotvent"] ** 2 - hindbrain**2
    cerebellar = rest / (2 * hindbrain * loading * np.sum(cerebrum))
    rest = sd["supratentorialvol"] ** 2 - sd["supratentorialvolnotvent"] ** 2 - ventricular_sd**2
    ventricular = rest / (2 * ventricular_sd * loading * np.sum(cerebrum))
    loadings = dict.fromkeys(("cortex", "white", "deep"), float(loading))
    return loadings | {"cerebellum": float(cerebellar), "ventricles": float(ventricular)}


def join(families, loadings):
    """Return the names of all measures and their correlations."""
    names = [name for family in families.values() for name in family.names]
    common = np.concatenate([f.loading * loadings[key] for key, f in families.items()])
    matrix = np.outer(common, common)
    start = 0
    for family in families.values():
        here = slice(start, start + len(family.names))
        matrix[here, here] = family.matrix
        start = here.stop
    return names, matrix


def correlations_of_thickness(hemispheres, participants):
    """Return mean correlations of thickness given age, sex and brain, and mean and sd of the brain."""
    people = pd.read_csv(participants, sep="\t", index_col=0).dropna(subset=["age", "sex"])
    tables = [pd.read_csv(path, sep="\t", index_col=0) for path in hemispheres]
    people = people.loc[people.index.intersection(tables[0].index)]
    brain = tables[0].BrainSegVolNotVent[people.index] / 1000
    brains = {sex: (brain[people.sex == sex].mean(), brain[people.sex == sex].std()) for sex in "FM"}
    known = np.c_[np.ones(len(people)), people.age, people.sex == "M", brain]
    columns = [f"{hemisphere}_{name}_thickness" for _, hemisphere in sides() for name in PARCELS.values()]
    values = pd.concat([table.loc[people.index] for table in tables], axis=1)[columns].to_numpy()
    matrix = np.corrcoef((values - known @ np.linalg.lstsq(known, values, rcond=None)[0]).T)
    lobes, parcels = np.tile([lobe_of(code) for code in PARCELS], 2), np.tile(list(PARCELS), 2)
    lobe, parcel = lobes[:, None] == lobes, parcels[:, None] == parcels
    kinds = {
        "both sides": parcel & ~np.eye(len(columns), dtype=bool),
        "same lobe": lobe & ~parcel,
        "other lobe": ~lobe,
    }
    means = {name: float(matrix[where].mean()) for name, where in kinds.items()}
    print("correlations of thickness:", {name: round(r, 2) for name, r in means.items()})
    return means, brains


def regions_of(measures, matrix, sd):
    """Return sd and correlations of the 42 regions from those of the measures they are sums of."""
    sums = np.zeros((len(REGIONS), len(measures)))
    for row, region in enumerate(REGIONS):
        for measure, weight in measures_of(region).items():
            sums[row, measures.index(measure)] = weight
    spread = sd[measures].to_numpy()
    covariance = sums @ (matrix * np.outer(spread, spread)) @ sums.T
    region_sd = np.sqrt(np.diag(covariance))
    return region_sd, covariance / np.outer(region_sd, region_sd)


def write(table, region_sd, correlation):
    """Write both tables into the package."""
    wide = {c: table.pivot(index=["sex", "age_years"], columns="region", values=c) for c in COLUMNS}
    head = ["region", "unit", "sex", "age_years", "mean", "sd", "slope_per_100ml_etiv", "thickness_mm"]
    lines = ["\t".join(head)]
    for region, sd in zip(REGIONS, region_sd, strict=True):
        measures = measures_of(region)
        unit = table[table.region == next(iter(measures))].unit.iloc[0]
        mean, slope = (sum(wide[c][m] * w for m, w in measures.items()) for c in COLUMNS)
        thick = thickness_of(region, wide["mean"])
        for sex, age in mean.index:
            values = [f"{v[sex, age]:.6g}" for v in (mean, slope)]
            millimetres = "n/a" if thick is None else f"{thick[sex, age]:.3f}"
            lines.append(
                "\t".join([region.name, unit, sex, str(age), values[0], f"{sd:.4g}", values[1], millimetres])
            )
    (DATA / "norms.tsv").write_text("\n".join(lines) + "\n")
    names = [region.name for region in REGIONS]
    rows = ["\t".join(["region", *names])]
    rows += ["\t".join([n, *(f"{v:.4g}" for v in row)]) for n, row in zip(names, correlation, strict=True)]
    (DATA / "norms_correlation.tsv").write_text("\n".join(rows) + "\n")


def thickness_of(region, mean):
    """Return the mean thickness of a lobe, weighted by area, or None."""
    if kind(region) != "cortex":
        return None
    parcels = [measure.removesuffix("_grayvol") for measure in measures_of(region)]
    areas = [mean[f"{parcel}_surfarea"] for parcel in parcels]
    return sum(mean[f"{p}_thickavg"] * a for p, a in zip(parcels, areas, strict=True)) / sum(areas)


def check_sums(families, measures, matrix, sd, ventricular_sd):
    """Print the sd of sums of regions, in ml, against those of the table."""
    amounts = {name: sd[name] for name in measures}
    vents = families["ventricles"]
    amounts |= dict(zip(vents.names, vents.weights * ventricular_sd / vents.total, strict=True))
    tissue = {key: [n for n, w in zip(f.names, f.weights, strict=True) if w] for key, f in families.items()}
    cerebrum = tissue["cortex"] + tissue["white"] + tissue["deep"]
    brain = cerebrum + tissue["cerebellum"]
    sums = {
        "cortexvol": tissue["cortex"],
        "cerebralwhitemattervol": tissue["white"],
        "subcortgrayvol": tissue["deep"],
        "totalgrayvol": tissue["cortex"] + tissue["deep"] + tissue["cerebellum"][:2],
        "supratentorialvolnotvent": cerebrum,
        "brainsegvolnotvent": brain,
        "supratentorialvol": cerebrum + tissue["ventricles"][:-1],
        "brainsegvol": brain + tissue["ventricles"],
    }
    for name, parts in sums.items():
        vector = np.array([amounts[m] if m in parts else 0.0 for m in measures])
        model = np.sqrt(vector @ matrix @ vector)
        print(f"sd of {name}: {model / 1000:.2f} ml, in the table {sd[name] / 1000:.2f}")


def check_heads(table, brains):
    """Print mean and sd of head size that the brain volumes of AOMIC imply."""
    rows = table[(table.region == "brainsegvolnotvent") & (table.age_years == 20)].set_index("sex")
    for sex, (mean, spread) in brains.items():
        row = rows.loc[sex]
        slope = row.slope_per_100ml_etiv / 1e5  # ml of brain per ml of eTIV
        size = row.etiv_ml + (mean - row["mean"] / 1000) / slope
        print(f"eTIV, {sex}: {size:.0f} ml, sd {np.sqrt(spread**2 - (row.sd / 1000) ** 2) / slope:.0f}")


def check_atrophy(table, sd, ventricular_sd):
    """Print how the fraction of the cavity that is tissue depends on residuals of brain and ventricles.

    Brains of one eTIV differ by this fraction and by the error of eTIV, which changes ventricles as much.
    """
    means = table.groupby("region")["mean"].mean()
    brain = means["brainsegvolnotvent"]
    ventricles = float((10 ** table[table.region == "ventricles"]["mean"]).mean())
    covariance = (sd["brainsegvol"] ** 2 - sd["brainsegvolnotvent"] ** 2 - ventricular_sd**2) / 2
    both = covariance / sd["brainsegvolnotvent"] / ventricular_sd
    print(f"correlation of brain and ventricles at given eTIV {both:.2f}")
    for spread in FRACTION_SD:
        error = sd["brainsegvolnotvent"] ** 2 - (spread * brain) ** 2
        implied = (covariance - error * ventricles / brain) / (spread * brain * ventricular_sd)
        print(f"sd of the fraction {spread}: its correlation with ventricles is then {implied:.2f}")
    known = np.array(
        [np.mean(FRACTION_SD) * 0.83 * brain / sd["brainsegvolnotvent"], FRACTION_AND_VENTRICLES]
    )
    weights = np.linalg.solve([[1, both], [both, 1]], known)
    print("weights of brain, ventricles and a free part:", weights, np.sqrt(1 - weights @ known))


def main():
    table = pd.read_csv(sys.argv[1], sep="\t")
    sd = table.groupby("region")["sd"].first()
    middle = table[table.age_years == MIDDLE_AGE].groupby("region")["mean"].mean()
    thickness, brains = correlations_of_thickness(sys.argv[2:4], sys.argv[4])
    families = {
        "cortex": cortex(sd, thickness),
        "white": white(sd),
        "deep": deep(sd),
        "cerebellum": cerebellum(sd),
        "ventricles": ventricles(sd, middle),
    }
    volumes = 10 ** table[table.region == "ventricles"]["mean"]
    ventricular_sd = float(np.sqrt((volumes**2).mean())) * families["ventricles"].total
    loadings = common_factor(families, sd, ventricular_sd)
    print("loadings on the common factor:", {key: round(value, 2) for key, value in loadings.items()})
    measures, matrix = join(families, loadings)
    check_sums(families, measures, matrix, sd, ventricular_sd)
    check_heads(table, brains)
    check_atrophy(table, sd, ventricular_sd)
    write(table, *regions_of(measures, matrix, sd))


if __name__ == "__main__":
    main()
