"""Split the error on real heads: how their labels are predicted when the generator draws them.

Usage: python -m benchmarks.redrawn_heads SHARED WORK WEIGHTS [WEIGHTS ...]

SHARED has ``data/`` with label maps and the labelled heads of benchmarks/validation.py; WORK keeps prepared
maps and preprocessed volumes. Each map and each labelled head is drawn, without any deformation, with several
random contrasts. Printed: its volume of lateral ventricles and of brain tissue, what is predicted of drawn
images, on average, minus that, and the predicted age; and for the labelled heads the same of the real image.
An error on drawn images is one of shape, what the real image adds to it one of appearance.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.validation import HELD_OUT, LABELLED, labelled_dataset
from neurofm_bids.config import Processing
from neurofm_bids.model.encoder import Encoder
from neurofm_bids.model.weights import load_model
from neurofm_bids.pretrain.anatomy.cache import load_anatomies
from neurofm_bids.pretrain.anatomy.fields import FIELDS
from neurofm_bids.pretrain.evaluation.prepared_scan import prepare
from neurofm_bids.pretrain.synthesis.appearance import ideal_image
from neurofm_bids.pretrain.synthesis.interpolation import Interpolator
from neurofm_bids.pretrain.synthesis.placement import CUBE_MM
from neurofm_bids.pretrain.synthesis.population import Person
from neurofm_bids.pretrain.synthesis.random_fields import RandomFields
from neurofm_bids.pretrain.synthesis.shape import Shape, occupancy
from neurofm_bids.pretrain.synthesis.skull_stripping import draw_mask

DRAWINGS, VIEWS = 3, 2
SEED = 5
LESION_LOAD = 0.05


def head_maps(data, work):
    """Copy the labels of the labelled heads into a folder of label maps."""
    folder = work / "head-maps"
    folder.mkdir(parents=True, exist_ok=True)
    for name, (_, labels, *_) in LABELLED.items():
        shutil.copyfile(data / labels, folder / f"{name}.mgz")
    return folder


def undeformed(anatomy):
    """Return an anatomy as a shape of 1 mm, in the middle of the model grid."""
    size = anatomy.fields.shape[:3]
    points = torch.stack(torch.meshgrid(*map(torch.arange, size), indexing="ij")).float()
    interpolator = Interpolator(points, size)
    fields = interpolator.interpolate(anatomy.tensors(torch.device("cpu"))["fields"])
    depths = dict(zip(FIELDS, fields.unbind(0), strict=True))
    ventricles, others, head = (occupancy(depths[name], 1) for name in ("lateral", "others", "outer"))
    return Shape(
        1, tuple((CUBE_MM - n) // 2 for n in size), **depths, brain=head * (1 - ventricles) * (1 - others),
        ventricles=ventricles, points=points, interpolator=interpolator, anatomy=anatomy, is_mirrored=False,
    )  # fmt: skip


def drawings(shape):
    """Yield skull-stripped images of a shape on the model grid."""
    anatomy = shape.anatomy
    person = Person(None, None, anatomy.cranium_ml, tuple(1000 * anatomy.region_ml), LESION_LOAD, 1.0)
    for number in range(DRAWINGS):
        rng = RandomFields((SEED, number))
        image = ideal_image(shape, person, rng)
        mask, _ = draw_mask(shape, image, rng, "cranium")
        cube = np.zeros((CUBE_MM,) * 3, dtype=np.float32)
        cube[tuple(slice(s, s + n) for s, n in zip(shape.start, shape.size, strict=True))] = image * mask
        yield cube


def predictions(encoder, images):
    """Return mean lateral ventricles and brain in ml, and age."""
    found = [encoder.encode(image, views=VIEWS).predictions for image in images]
    of = (("ventricular_volume", 1000), ("brain_volume", 1000), ("age", 1))
    return [np.mean([one[target].value for one in found]) / unit for target, unit in of]


def main():
    shared, work, *weights = map(Path, sys.argv[1:])
    data = shared / "data"
    maps = (data / "label-maps", data / "label-maps-2", head_maps(data, work))
    dataset = labelled_dataset(data, work / "labelled-bids")
    encoders = {w.stem: Encoder(load_model(Processing.model, w), Processing(weights=w)) for w in weights}
    print("| Map | Weights | Image | Ventricles (ml): labels, error | Brain (ml): labels, error | Age |")
    print("|---|---|---|---|---|---|")
    for anatomy in load_anatomies(maps, work / "maps"):
        shape = undeformed(anatomy)
        known = shape.volume_ml(shape.ventricles), shape.volume_ml(shape.brain)
        is_new = anatomy.name in (*HELD_OUT, *LABELLED)
        images = {"drawn, held out" if is_new else "drawn": list(drawings(shape))}
        if anatomy.name in LABELLED:
            images["real"] = [real_volume(dataset, work, anatomy.name)]
        for kind, of_kind in images.items():
            for name, encoder in encoders.items():
                *volumes, age = predictions(encoder, of_kind)
                cells = [f"{k:.1f}, {found - k:+.1f}" for k, found in zip(known, volumes, strict=True)]
                print("|", " | ".join([anatomy.name, name, kind, *cells, f"{age:.0f}"]), "|", flush=True)


def real_volume(dataset, work, head):
    """Return the preprocessed image of a labelled head."""
    t1w = dataset / f"sub-{head}" / "anat" / f"sub-{head}_T1w.nii.gz"
    return prepare(t1w, work / "labelled" / "volumes" / f"sub-{head}", stability=False).volume()


if __name__ == "__main__":
    main()
