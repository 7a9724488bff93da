"""The synthetic population against the norms, and how well true volumes predict age.

Usage: python benchmarks/population.py [FIGURE.png]

Printed: for each region, how people drawn with an age and a sex deviate from the norms (median and sd, both
in sd of people of one age and sex), and the correlation of its share of the brain with log ventricles: in
these people, as far as age and sex explain it by the norms, at given age and sex, and in the unconstrained.
Then ventricles and tissue by age, and the errors of age from true volumes (gradient boosting on tissue
fraction, log ventricles and cranial cavity, or on all regions too), with the training ages and with uniform
ones, both tested on uniform ages.
"""

import sys

import numpy as np
from matplotlib.figure import Figure
from sklearn.ensemble import HistGradientBoostingRegressor

from neurofm_bids.anatomy.regions import LOBES, REGIONS, STRUCTURES
from neurofm_bids.norms.head_size import ETIV_SD_ML
from neurofm_bids.norms.published import ETIV_ML, read_norms
from neurofm_bids.pretrain.synthesis.population import (
    AGE_POWER,
    TISSUE,
    draw_person,
    expected_tissue_fraction,
)
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields

PEOPLE = 12000
AGE_BANDS = ((18, 30), (30, 45), (45, 60), (60, 75), (75, 95))
COLOURS = {"M": "#1f5f8b", "F": "#b45309"}
# OASIS-1 (Marcus et al. 2007), participants with CDR 0: mid-age of the group, number, mean and sd of the
# normalised whole-brain volume, from part of the published table.
OASIS = (
    (23.0, 107, 0.846, 0.020),
    (34.0, 11, 0.829, 0.020),
    (46.0, 27, 0.823, 0.023),
    (54.0, 22, 0.814, 0.020),
    (65.5, 25, 0.794, 0.027),
    (73.5, 35, 0.754, 0.033),
    (84.0, 30, 0.729, 0.028),
    (91.0, 8, 0.703, 0.040),
)


def draw(power, seed):
    return [draw_person(RandomFields((seed, n)), power) for n in range(PEOPLE)]


def expected(age, sex):
    return read_norms().volumes_mm3(age, sex, ETIV_ML[sex])


def deviations(people):
    """Return the deviations of volumes from the norms, in sd of people of one age and sex, (n, 42)."""
    norms = read_norms()
    rows = []
    for person in people:
        mean = expected(person.age_years, person.sex)
        larger = norms.volumes_mm3(person.age_years, person.sex, ETIV_ML[person.sex] + ETIV_SD_ML[person.sex])
        spread = np.hypot(norms.log_sd(mean) * mean, larger - mean)
        linear = (person.region_mm3 - mean) / spread
        log_spread = np.hypot(norms.log_sd(mean), np.log(larger / mean))
        rows.append(np.where(norms.logarithmic, np.log(person.region_mm3 / mean) / log_spread, linear))
    return np.array(rows)


def shares(volumes):
    """Return logarithms of each region's share of the brain and of the lateral ventricles."""
    volumes = np.array(volumes) / 1000
    return np.log(volumes / volumes[:, TISSUE].sum(axis=1, keepdims=True)), np.log(
        volumes[:, [STRUCTURES[r.structure].name.endswith("lateral_ventricle") for r in REGIONS]].sum(axis=1)
    )


def correlations(share, ventricles):
    return np.array([np.corrcoef(column, ventricles)[0, 1] for column in share.T])


def regions(typical, wide):
    """Print deviations from the norms, and correlations of shares with ventricles."""
    deviation = deviations(typical)
    means = [expected(p.age_years, p.sex) for p in typical]
    share, ventricles = shares([p.region_mm3 for p in typical])
    trend, ventricles_of_age = shares(means)
    columns = {
        "median": np.median(deviation, axis=0),
        "sd": deviation.std(axis=0),
        "r": correlations(share, ventricles),
        "r by age and sex": correlations(trend, ventricles) * trend.std(axis=0) / share.std(axis=0),
        "r at given age and sex": correlations(share - trend, ventricles - ventricles_of_age),
        "r of the unconstrained": correlations(*shares([p.region_mm3 for p in wide])),
    }
    print("region:", ", ".join(columns))
    for row, region in enumerate(REGIONS):
        print(f"{region.name}:", ", ".join(f"{values[row]:+.2f}" for values in columns.values()))


def ages(typical):
    """Print medians of ventricles and tissue fraction by age and sex, and the norms at the median age."""
    for sex in "FM":
        for low, high in AGE_BANDS:
            group = [p for p in typical if p.sex == sex and low <= p.age_years < high]
            fractions = [p.brain_ml / p.cranium_ml for p in group]
            lateral = [p.lateral_ml for p in group]
            middle = np.median([p.age_years for p in group])
            norm = np.exp(shares([expected(middle, sex)])[1][0])
            print(
                f"{sex}, {low}-{high}: {len(group)} people, ventricles {np.median(lateral):.1f} ml (norm at"
                f" {middle:.0f} years {norm:.1f}), tissue / cavity {np.median(fractions):.3f} (norm"
                f" {expected_tissue_fraction(middle, sex):.3f}), sd {np.std(fractions):.3f}"
            )


def volumes_only(person):
    return person.brain_ml / person.cranium_ml, np.log(person.lateral_ml), person.cranium_ml


def all_regions(person):
    return (*volumes_only(person), *np.log(np.array(person.region_mm3) / 1000 / person.cranium_ml))


def errors_of_age(trained):
    """Print errors of ages that are predicted from true volumes."""
    tested, uniform = ([p for p in draw(1.0, seed) if p.age_years] for seed in (1, 3))
    truth = np.array([p.age_years for p in tested])
    for predictors in (volumes_only, all_regions):
        for name, people in (("as in training", trained), ("uniform", uniform)):
            model = HistGradientBoostingRegressor(max_iter=100, random_state=0)
            model.fit([predictors(p) for p in people], [p.age_years for p in people])
            gap = model.predict([predictors(p) for p in tested]) - truth
            r = np.corrcoef(gap + truth, truth)[0, 1]
            bands = [f"{a}-{b}: {gap[(truth >= a) & (truth < b)].mean():+.1f}" for a, b in AGE_BANDS]
            words = predictors.__name__.replace("_", " ")
            print(f"{words}, ages {name}: MAE {np.abs(gap).mean():.1f}, r {r:.2f}, bias {', '.join(bands)}")


def draw_region(axes, people, names, label):
    """Draw the volume of some structures over age: people, means of the norms and two sd."""
    norms, line = read_norms(), np.linspace(18, 95, 78)
    chosen = np.array([STRUCTURES[region.structure].name in names for region in REGIONS])
    for sex, colour in COLOURS.items():
        group = [p for p in people if p.sex == sex]
        values = np.array([p.region_mm3 for p in group])[:, chosen].sum(axis=1) / 1000
        axes.scatter([p.age_years for p in group], values, s=2, color=colour, alpha=0.5, lw=0)
        curves = []
        for age in line:
            mean = expected(age, sex)
            larger = norms.volumes_mm3(age, sex, ETIV_ML[sex] + ETIV_SD_ML[sex])
            vector = np.where(chosen, norms.log_sd(mean) * mean, 0.0)
            spread = np.hypot(np.sqrt(vector @ norms.correlation @ vector), (larger - mean)[chosen].sum())
            total = mean[chosen].sum()
            curves.append(total * np.exp(np.array([-2, 0, 2]) * spread / total) / 1000)
        low, middle, high = np.array(curves).T
        axes.plot(line, middle, color=colour, label=f"norm, {sex}")
        for edge in (low, high):
            axes.plot(line, edge, color=colour, lw=0.7, ls="--")
    axes.set(xlabel="age (years)", ylabel=label)


def draw_fraction(axes, people):
    line = np.linspace(18, 95, 78)
    for sex, colour in COLOURS.items():
        group = [p for p in people if p.sex == sex]
        fractions = [p.brain_ml / p.cranium_ml for p in group]
        axes.scatter([p.age_years for p in group], fractions, s=2, color=colour, alpha=0.5, lw=0)
        axes.plot(line, [expected_tissue_fraction(a, sex) for a in line], color=colour)
    middles, _, means, sds = np.array(OASIS).T
    scale = np.mean([expected_tissue_fraction(OASIS[0][0], sex) for sex in COLOURS]) / OASIS[0][2]
    style = {"fmt": "o", "ms": 4, "color": "#222222", "label": "OASIS-1, scaled at 23"}
    axes.errorbar(middles, means * scale, sds * scale, **style)
    axes.set(xlabel="age (years)", ylabel="tissue / cranial cavity")
    axes.legend(frameon=False, fontsize=8)


def draw_correlations(axes):
    names = [STRUCTURES[region.structure].name.replace("_", " ") for region in REGIONS]
    image = axes.imshow(read_norms().correlation, vmin=-1, vmax=1, cmap="RdBu_r")
    shown = [row for row, name in enumerate(names) if row == 0 or names[row - 1] != name]
    axes.set_yticks(shown, [names[row] for row in shown], fontsize=5)
    axes.set(xticks=[], xlabel="correlation of regions at given age, sex, eTIV")
    axes.figure.colorbar(image, ax=axes, shrink=0.8)


def figure(people, path):
    """Draw the population and the norms."""
    page = Figure(figsize=(12, 8.2), layout="constrained")
    axes = page.subplots(2, 3).flat
    draw_fraction(next(axes), people)
    lateral = next(axes)
    draw_region(
        lateral, people, ("lateral_ventricle", "inferior_lateral_ventricle"), "lateral ventricles (ml)"
    )
    lateral.set_yscale("log")
    lateral.legend(frameon=False, fontsize=8)
    heads = next(axes)
    for sex, colour in COLOURS.items():
        sizes = [p.cranium_ml for p in people if p.sex == sex]
        label = f"{sex}, mean {np.mean(sizes):.0f} ml, sd {np.std(sizes):.0f}"
        heads.hist(sizes, bins=30, alpha=0.6, color=colour, label=label)
    heads.set(xlabel="cranial cavity (ml)", ylabel="people")
    heads.margins(y=0.25)
    heads.legend(frameon=False, fontsize=8)
    draw_region(next(axes), people, ("hippocampus",), "both hippocampi (ml)")
    draw_region(next(axes), people, tuple(LOBES), "cerebral cortex (ml)")
    draw_correlations(next(axes))
    page.savefig(path, dpi=90)


def main():
    people = draw(AGE_POWER, 2)
    typical = [p for p in people if p.age_years is not None]
    regions(typical, [p for p in people if p.age_years is None])
    ages(typical)
    errors_of_age(typical)
    if len(sys.argv) > 1:
        figure(typical[:3000], sys.argv[1])


if __name__ == "__main__":
    main()
