"""Draw the figures of docs/pretraining.md, except that of the population (benchmarks/population.py).

Usage: python benchmarks/pretraining_figures.py MAPS[:MAPS] CACHE docs/figures
"""

import os
import sys
from pathlib import Path

from matplotlib.figure import Figure

from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.anatomy.fields import FIELDS
from neurofm_bids.pretrain.synthesis.acquisition import acquire
from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.generator import choose_anatomy, generate_image
from neurofm_bids.pretrain.synthesis.population import draw_person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import make_shape
from neurofm_bids.pretrain.synthesis.skull_stripping import STYLES, draw_mask

SEED = 11


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
    ideal = ideal_image(shape, person, rng)
    acquired, _ = acquire(ideal, rng, 1)
    mask, style = draw_mask(shape, acquired, rng)
    middle = anatomy.fields.shape[2] // 2
    fields = anatomy.fields[:, :, middle]
    here = shape.outer.shape[2] // 2
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    axes = figure.subplots(2, 5).flat
    for name in ("outer", "lateral", "sulcus", "cranium"):
        show(next(axes), fields[:, :, FIELDS.index(name)], f"label map: {name}, mm", vmin=-8, vmax=8)
    show(next(axes), anatomy.labels["core"][:, :, middle], "label map: nearest region")
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


def main():
    maps = tuple(map(Path, sys.argv[1].split(os.pathsep)))
    anatomies = load_anatomies(maps, Path(sys.argv[2]))
    out = Path(sys.argv[3])
    stages(anatomies, out / "pretraining-stages.png")
    gallery(anatomies, out / "pretraining-samples.png")


if __name__ == "__main__":
    main()
