"""A head of ellipsoids as a label map."""

import numpy as np

SHAPE = (96, 92, 112)
VENTRICLES = (4, 43, 31)  # lateral


def ball(centre, radii):
    voxels = np.indices(SHAPE).astype(float)
    return sum(((voxels[a] - centre[a]) / radii[a]) ** 2 for a in range(3)) <= 1


def toy_labels():
    """Return a head of ellipsoids with one sulcus, FreeSurfer codes, LIA."""
    labels = np.zeros(SHAPE, dtype=np.int16)
    middle = np.array(SHAPE) / 2

    def beside(*offset):
        return middle + np.array(offset)

    labels[ball(middle, (44, 42, 52))] = 24
    left = np.indices(SHAPE)[0] >= middle[0]
    for radii, codes in (((40, 36, 48), (42, 3)), ((34, 30, 42), (41, 2)), ((9, 9, 18), (43, 4))):
        inside = ball(beside(0, -4, 0), radii)
        labels[inside] = np.where(left, codes[1], codes[0])[inside]
    sulcus = ball(beside(0, -4, -30), (3, 40, 40)) & np.isin(labels, (2, 41))
    labels[sulcus] = np.where(left, 3, 42)[sulcus]  # its two banks touch
    labels[ball(beside(0, 26, -18), (24, 12, 18))] = 8
    labels[ball(beside(0, 22, 8), (7, 16, 7))] = 16
    labels[ball(beside(0, 8, 4), (2, 4, 6))] = 14
    labels[ball(beside(11, 6, 0), (6, 6, 9))] = 10
    labels[ball(beside(5, -4, -8), (2, 2, 4))] = 31
    return labels
