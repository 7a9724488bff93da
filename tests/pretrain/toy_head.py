"""A head of ellipsoids as a label map."""

import numpy as np

SHAPE = (96, 92, 112)
VENTRICLES = (4, 43, 31)  # lateral
PARCELS = {"frontal": 28, "occipital": 11, "temporal": 7}  # of the Desikan-Killiany atlas


def ball(centre, radii):
    voxels = np.indices(SHAPE).astype(float)
    return sum(((voxels[a] - centre[a]) / radii[a]) ** 2 for a in range(3)) <= 1


def toy_labels():
    """Return a head of ellipsoids with one sulcus, FreeSurfer codes with parcels of the cortex, LIA.

    Its cortex is temporal below, and else frontal in front and occipital behind.
    """
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
    labels[ball(beside(0, -15, 0), (8, 4, 14)) & np.isin(labels, (2, 41))] = 253
    cerebellum = ball(beside(0, 26, -18), (24, 12, 18))
    labels[cerebellum] = np.where(left, 8, 47)[cerebellum]
    labels[ball(beside(0, 22, 8), (7, 16, 7))] = 16
    labels[ball(beside(0, 8, 4), (2, 4, 6))] = 14
    labels[ball(beside(11, 6, 0), (6, 6, 9))] = 10
    labels[ball(beside(-11, 6, 0), (6, 6, 9))] = 49
    labels[ball(beside(5, -4, -8), (2, 2, 4))] = 31
    return _with_parcels(labels, middle)


def _with_parcels(labels, middle):
    _, below, front = np.indices(SHAPE)
    parcels = np.where(front >= middle[2], PARCELS["frontal"], PARCELS["occipital"])
    parcels[below >= middle[1] + 10] = PARCELS["temporal"]
    for code, first in ((3, 1000), (42, 2000)):
        labels = np.where(labels == code, first + parcels, labels)
    return labels.astype(np.int16)


def without_parcels(labels):
    """Return the labels as FreeSurfer's aseg has them, without corpus callosum."""
    left = np.indices(labels.shape)[0] >= labels.shape[0] / 2
    plain = np.where((labels >= 1000) & (labels < 3000), np.where(labels < 2000, 3, 42), labels)
    return np.where((plain > 250) & (plain < 256), np.where(left, 2, 41), plain).astype(np.int16)
