"""Figures of one scan: brain mask, bias, registration to the template, model grid, segmentation."""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from neurofm_bids.anatomy.labels import LABELS
from neurofm_bids.geometry import inside_points, resample_onto
from neurofm_bids.report.slices import (
    PLANES,
    Volume,
    crop_around,
    intensity_window,
    slice_rows,
    slice_tile,
    svg_of,
)

__all__ = [
    "LABEL_COLOURS",
    "anatomy_figure",
    "bias_figure",
    "grid_figure",
    "mask_figure",
    "registration_figures",
]

_MASK_COLOUR, _TISSUE_COLOUR = "#ff3b30", "#34c0eb"
# FreeSurferColorLUT.txt, by the code of the left side
LABEL_COLOURS = {
    2: (245, 245, 245), 3: (205, 62, 78), 4: (120, 18, 134), 5: (196, 58, 250), 7: (220, 248, 164),
    8: (230, 148, 34), 10: (0, 118, 14), 11: (122, 186, 220), 12: (236, 13, 176), 13: (12, 48, 255),
    14: (204, 182, 142), 15: (42, 204, 164), 16: (119, 159, 176), 17: (220, 216, 20), 18: (103, 255, 255),
    24: (60, 60, 60), 26: (255, 165, 0), 28: (165, 42, 42), 192: (250, 255, 50),
}  # fmt: skip
_OPACITY = 0.45
_MASK_MARGIN_MM = 20
_BIAS_MARGIN_MM, _GRID_MARGIN_MM = 8, 8


def mask_figure(t1w: nib.Nifti1Image, mask: nib.Nifti1Image) -> str:
    """Return an SVG with the contour of the brain mask on slices of the T1w, both on one grid."""
    image, inside = nib.as_closest_canonical(t1w), nib.as_closest_canonical(mask)
    brain = np.asarray(inside.dataobj) > 0
    overlays = ((_MASK_COLOUR, brain.astype(np.float32), 0.5),)
    rows = slice_rows(image, crop_around(inside, _MASK_MARGIN_MM), intensity_window(image, brain), overlays)
    return svg_of(rows, "Brain mask (red) on the image")


def registration_figures(
    corrected: nib.Nifti1Image,
    mask: nib.Nifti1Image,
    template: nib.Nifti1Image,
    template_mask: nib.Nifti1Image,
    t1w_to_template: NDArray[np.float64],
) -> tuple[str, str]:
    """Return SVGs of the registration in both directions, on equal slices, so that they can alternate.

    Parameters
    ----------
    corrected, mask
        Bias-corrected T1w and brain mask on its grid.
    template, template_mask
        Target brain and its mask.
    t1w_to_template
        Affine 4x4 matrix from T1w to template points, world RAS+ mm.

    Returns
    -------
    tuple[str, str]
        The moved T1w with the template's contours, and the template with those of the moved T1w.
        Red is the brain mask, blue the brightest tissue (mostly white matter).
    """
    fixed, fixed_mask = (nib.as_closest_canonical(image) for image in (template, template_mask))
    moved, moved_mask = (resample_onto(image, fixed, t1w_to_template, order=1) for image in (corrected, mask))
    crop = crop_around(fixed_mask, 10)

    def drawn(shown: nib.Nifti1Image, inside: nib.Nifti1Image, other: nib.Nifti1Image, title: str) -> str:
        brain = np.asarray((moved_mask if other is moved else fixed_mask).dataobj, dtype=np.float32)
        overlays = ((_TISSUE_COLOUR, *_bright_tissue(other, brain)), (_MASK_COLOUR, brain, 0.5))
        window = intensity_window(shown, np.asarray(inside.dataobj) > 0.5)
        return svg_of(slice_rows(shown, crop, window, overlays), title)

    return (
        drawn(moved, moved_mask, fixed, "The image moved to the template, with the template's contours"),
        drawn(fixed, fixed_mask, moved, "The template, with the contours of the moved image"),
    )


def bias_figure(t1w: nib.Nifti1Image, corrected: nib.Nifti1Image, mask: nib.Nifti1Image) -> str:
    """Return an SVG of the T1w before (left) and after (right) bias correction, on one grid.

    Each is shown in the window of its own brain.
    """
    before, after, inside = (nib.as_closest_canonical(image) for image in (t1w, corrected, mask))
    brain = np.asarray(inside.dataobj) > 0
    zooms = nib.affines.voxel_sizes(inside.affine)
    cut = tuple(map(slice, *crop_around(inside, _BIAS_MARGIN_MM)))
    middle = np.round(np.argwhere(brain[cut]).mean(axis=0)).astype(int)
    row = [
        slice_tile(volume[cut], axis, int(middle[axis]), window, (), f"{name}, {when}", ends, zooms)
        for when, image in (("before", before), ("after", after))
        for volume, window in [(np.asarray(image.dataobj, dtype=np.float32), intensity_window(image, brain))]
        for axis, name, ends in PLANES
    ]
    return svg_of([row], "Before (left) and after (right) bias correction")


def grid_figure(grid: nib.Nifti1Image) -> str:
    """Return an SVG of the model grid at 1 mm, and of the 2 mm lattice that one pass of the network reads."""
    image = nib.as_closest_canonical(grid)
    brain = nib.Nifti1Image((np.asarray(image.dataobj) > 0).astype(np.uint8), image.affine)
    low, high = intensity_window(image, np.asarray(brain.dataobj) > 0)
    first, end = crop_around(brain, _GRID_MARGIN_MM)
    first += (first + np.array([1, 0, 1])) % 2  # in LIA the first phase of the lattice is 0, 0, 0
    cut = tuple(map(slice, first, end))
    pixels = 255 * np.clip((np.asarray(image.dataobj[cut], np.float32) - low) / (high - low), 0, 1)
    lattice = pixels[::2, ::2, ::2].repeat(2, 0).repeat(2, 1).repeat(2, 2)
    middle = np.round(inside_points(brain).mean(axis=0) - first).astype(int)
    row = [
        slice_tile(shown, axis, int(middle[axis]), None, (), f"{name}, {spacing} mm", ends)
        for spacing, shown in ((1, pixels), (2, lattice))
        for axis, name, ends in PLANES
    ]
    return svg_of([row], "Model grid at 1 mm (left) and the 2 mm lattice of the first pass (right)")


def anatomy_figure(corrected: nib.Nifti1Image, segmentation: nib.Nifti1Image) -> str:
    """Return an SVG of the T1w painted with the labels of its segmentation, both on one grid.

    Parameters
    ----------
    segmentation
        Codes of FreeSurfer, in its colours.
    """
    image, labels = nib.as_closest_canonical(corrected), nib.as_closest_canonical(segmentation)
    codes = np.asarray(labels.dataobj).astype(np.uint8)
    crop = crop_around(nib.Nifti1Image((codes > 0).astype(np.uint8), labels.affine), 5)
    window = intensity_window(image, codes > 0)
    grey, painted = (slice_rows(shown, crop, w, ()) for shown, w in ((image, window), (labels, None)))
    rows = [
        [replace(one, pixels=_blend(one.pixels, other.pixels)) for one, other in zip(*pair, strict=True)]
        for pair in zip(grey, painted, strict=True)
    ]
    return svg_of(rows, "Segmentation of the T1w in the colours of FreeSurfer")


def _blend(grey: NDArray[np.uint8], codes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return grey pixels painted with the colours of labels."""
    colours, opacity = np.zeros((256, 3)), np.zeros(256)
    for label in LABELS[1:]:
        both = [label.left, label.right]
        colours[both], opacity[both] = LABEL_COLOURS[label.left], _OPACITY
    share = opacity[codes][..., None]
    return np.asarray((grey[..., None] * (1 - share) + colours[codes] * share).astype(np.uint8))


def _bright_tissue(image: nib.Nifti1Image, brain: Volume) -> tuple[Volume, float]:
    """Return the smoothed brain and the level that bounds its brightest third."""
    from scipy.ndimage import gaussian_filter

    data = np.where(brain > 0.5, np.asarray(image.dataobj, dtype=np.float32), np.float32(0))
    smooth = gaussian_filter(data, 1.0)
    return smooth, float(np.quantile(smooth[brain > 0.5], 2 / 3))
