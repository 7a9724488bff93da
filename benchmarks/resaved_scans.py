"""What changes when an image is saved, moved, resampled or simulated as a second scan, and processed again.

    python -m benchmarks.resaved_scans OUT.tsv T1W... [--report]

Every T1w is processed whole, as it is and in the variants of VARIANTS; OUT.tsv grows by a row per variant
(features, predictions, volumes, image quality metrics), so that the command resumes. Images are told apart by
the name of their dataset and their own. Prints for each variant
and group of numbers the median and the largest change, as a share of the standard deviation over the people
of OUT.tsv. A second scan is simulated from the first: another pose, noise as strong as the first has in its
background, another bias field. That is a lower bound for a real second scan.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nibabel.processing import resample_from_to, resample_to_output
from scipy.ndimage import gaussian_filter

from neurofm_bids import NeuroFM

ANGLES, SHIFT_MM = (0.05, -0.07, 0.04), (4.0, -3.0, 6.0)


def rigid(angles, shift):
    """Return a rigid transform, 4 x 4, from rotations about the axes in radians and a shift in mm."""
    matrix = np.eye(4)
    for axis, angle in enumerate(angles):
        turn, (i, j) = np.eye(4), [a for a in range(3) if a != axis]
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    matrix[:3, 3] = shift
    return matrix


def as_is(image, rng):
    return image


def other_units(image, rng):
    data = np.asanyarray(image.dataobj, dtype=np.float64)
    scaled = np.clip(np.rint(data * (4000 / np.percentile(data, 99.9))), 0, 32767)
    return nib.Nifti1Image(scaled.astype(np.int16), image.affine)


def other_axes(image, rng):
    data = np.asanyarray(image.dataobj, dtype=np.float32)
    turned = nib.orientations.axcodes2ornt("PIR")
    change = nib.orientations.ornt_transform(nib.io_orientation(image.affine), turned)
    affine = image.affine @ nib.orientations.inv_ornt_aff(change, data.shape)
    return nib.Nifti1Image(nib.orientations.apply_orientation(data, change), affine)


def moved(image, rng):
    data = np.asanyarray(image.dataobj, dtype=np.float32)
    return nib.Nifti1Image(data, rigid(ANGLES, SHIFT_MM) @ image.affine)


def resampled(image, rng):
    data = nib.Nifti1Image(np.asanyarray(image.dataobj, dtype=np.float32), image.affine)
    return resample_to_output(data, (1.0, 1.0, 1.0), order=1)


def second_scan(image, rng):
    data = np.asanyarray(image.dataobj, dtype=np.float32)
    posed = nib.Nifti1Image(data, rigid(ANGLES, SHIFT_MM) @ image.affine)
    values = resample_from_to(posed, (data.shape, image.affine), order=3).get_fdata()
    corner = data[:8, :8].ravel()
    noise = max(float(corner.std()), 0.01 * float(np.percentile(data, 99)))
    field = gaussian_filter(rng.standard_normal(data.shape), 40 / image.header.get_zooms()[0])
    values *= np.exp(0.05 * field / field.std())
    real, imaginary = (rng.normal(0, noise, data.shape) for _ in range(2))
    return nib.Nifti1Image(np.hypot(values + real, imaginary).astype(np.float32), image.affine)


VARIANTS = {f.__name__: f for f in (as_is, other_units, other_axes, moved, resampled, second_scan)}


def measured(model, image):
    """Return the numbers of an image by name, those of a kind with one prefix."""
    result = model.predict(image)
    numbers = {f"feature_{i:03d}": float(value) for i, value in enumerate(result.features)}
    numbers |= {f"output_{name}": p.value for name, p in result.predictions.items()}
    numbers |= {f"volume_{name}": v.mm3 for name, v in result.record.anatomy.volumes.items()}
    return numbers | {f"metric_{name}": value for name, value in result.image_quality.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("images", type=Path, nargs="*")
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    rows = pd.read_csv(options.out, sep="\t").to_dict("records") if options.out.is_file() else []
    done = {(row["image"], row["variant"]) for row in rows}
    model = None if options.report else NeuroFM(device="cpu")
    for path in options.images if model else ():
        for number, (name, change) in enumerate(VARIANTS.items()):
            title = f"{path.parents[2].name}/{path.name}"
            if (title, name) in done:
                continue
            image = change(nib.load(path), np.random.default_rng(number))
            rows.append({"image": title, "variant": name} | measured(model, image))
            pd.DataFrame(rows).to_csv(options.out, sep="\t", index=False, na_rep="n/a")
    report(pd.DataFrame(rows))


def report(table):
    first = table[table["variant"] == "as_is"].set_index("image")
    for kind in ("feature", "output", "volume", "metric"):
        columns = [name for name in table if name.startswith(kind)]
        values = first[columns].astype(float)
        columns = values.columns[values.notna().all() & (values.std() > 0)]
        for name, part in table.groupby("variant", sort=False):
            if name == "as_is":
                continue
            own = part.set_index("image")[columns].astype(float)
            change = (own - first.loc[own.index, columns]).abs() / first[columns].std()
            print(f"{kind}\t{name}\tmedian {np.nanmedian(change):.4f}\tlargest {np.nanmax(change):.4f}")


if __name__ == "__main__":
    main()
