"""Draw the figures of docs/pretraining.md.

Usage: python benchmarks/pretraining_figures.py MAPS CACHE docs/figures
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from neurofm_bids.pretrain.anatomy.fields import FIELDS, load_anatomies
from neurofm_bids.pretrain.synthesis.acquisition import acquire
from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.generator import choose_anatomy, generate_image
from neurofm_bids.pretrain.synthesis.population import (
    draw_person,
    expected_lateral_ml,
    expected_tissue_fraction,
)
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape
from neurofm_bids.pretrain.synthesis.skull_stripping import STYLES, draw_mask

SEED = 11
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


def show(axes, plane, title, **style):
    axes.imshow(plane.T, cmap="gray", **style)
    axes.set_title(title, fontsize=8)
    axes.axis("off")


def stages(anatomies, path):
    """Draw the stages from one label map to a sample."""
    rng = RandomFields((SEED, 4))
    person = draw_person(rng)
    anatomy = choose_anatomy(anatomies, person, rng)
    shape = make_shape(anatomy, person, rng, 1)
    mask, style = draw_mask(shape, rng)
    ideal = ideal_image(shape, anatomy, person, rng)
    acquired = acquire(ideal, rng, 1)
    middle = anatomy.tissues.shape[2] // 2
    fields = anatomy.fields[:, :, middle]
    here = shape.outer.shape[2] // 2
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    axes = figure.subplots(2, 5).flat
    for name in ("outer", "lateral", "sulcus", "cranium"):
        show(next(axes), fields[:, :, FIELDS.index(name)], f"label map: {name}, mm", vmin=-8, vmax=8)
    show(next(axes), anatomy.tissues[:, :, middle], "label map: nearest tissue")
    show(next(axes), shape.outer[:, :, here], "deformed, target volumes", vmin=-8, vmax=8)
    show(next(axes), shape.brain[:, :, here], "target: tissue")
    show(next(axes), ideal[:, :, here], "ideal image", vmin=0, vmax=1.3)
    show(next(axes), acquired[:, :, here], "acquired", vmin=0, vmax=1.3)
    show(next(axes), (acquired * mask)[:, :, here], f"skull-stripped ({style})", vmin=0, vmax=1.3)
    figure.savefig(path, dpi=80)


def gallery(anatomies, path):
    """Draw sixteen samples."""
    figure = Figure(figsize=(11, 11.5), layout="constrained")
    for index, axes in enumerate(figure.subplots(4, 4).flat):
        synthetic = generate_image(anatomies, SEED, index, step_mm=1, style=list(STYLES)[index % len(STYLES)])
        who = synthetic.person
        age = "any age" if who.age_years is None else f"{who.age_years:.0f} years, {who.sex}"
        volumes = f"brain {who.brain_ml:.0f} ml, ventricles {who.lateral_ml:.0f} ml"
        plane = synthetic.image[:, :, synthetic.image.shape[2] // 2]
        show(axes, plane, f"{age}, {synthetic.style}\n{volumes}", vmin=0, vmax=1.3)
    figure.savefig(path, dpi=70)


def population(path):
    """Draw the synthetic population and its sources."""
    people = [
        p for p in (draw_person(RandomFields((SEED, n))) for n in range(3000)) if p.age_years is not None
    ]
    ages, line = np.array([p.age_years for p in people]), np.linspace(18, 95, 100)
    fractions = np.array([p.brain_ml / p.cranium_ml for p in people])
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.scatter(ages, fractions, s=2, color="#9ab8cf")
    left.plot(line, [expected_tissue_fraction(a) for a in line], color="#14283c", label="median")
    scale = expected_tissue_fraction(OASIS[0][0]) / OASIS[0][2]
    middles, _, means, sds = np.array(OASIS).T
    left.errorbar(
        middles, means * scale, sds * scale, fmt="o", ms=4, color="#b3261e", label="OASIS-1, scaled at 23"
    )
    left.set(xlabel="age (years)", ylabel="tissue / cranial cavity")
    left.legend(frameon=False, fontsize=8)
    middle.scatter(ages, [p.lateral_ml for p in people], s=2, color="#9ab8cf")
    middle.plot(line, [expected_lateral_ml(a) for a in line], color="#14283c")
    middle.set(xlabel="age (years)", ylabel="lateral ventricles (ml)", yscale="log")
    for sex, colour in (("M", "#1f5f8b"), ("F", "#b45309")):
        sizes = [p.cranium_ml for p in people if p.sex == sex]
        right.hist(sizes, bins=30, alpha=0.6, color=colour, label=f"{sex}, mean {np.mean(sizes):.0f} ml")
    right.set(xlabel="cranial cavity (ml)", ylabel="people")
    right.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=90)


def main():
    anatomies = load_anatomies(Path(sys.argv[1]), Path(sys.argv[2]))
    out = Path(sys.argv[3])
    stages(anatomies, out / "pretraining-stages.png")
    gallery(anatomies, out / "pretraining-samples.png")
    population(out / "pretraining-population.png")


if __name__ == "__main__":
    main()
