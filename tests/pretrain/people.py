"""People with the proportions of a label map."""

import numpy as np

from neurofm_bids.anatomy.regions import REGIONS, STRUCTURES
from neurofm_bids.pretrain.synthesis.population import Person


def person_like(anatomy, cranium_ml=1400.0, **factors):
    """Return a person with the volumes of an anatomy, scaled to a head, times factors of some structures.

    Factors have the names of regions or structures.
    """
    volumes = anatomy.region_ml * 1000 * cranium_ml / anatomy.cranium_ml
    for name, factor in factors.items():
        concerned = [name in (r.name, STRUCTURES[r.structure].name) for r in REGIONS]
        assert any(concerned), name
        volumes = volumes * np.where(concerned, factor, 1)
    return Person(40.0, "F", cranium_ml, tuple(volumes.tolist()), 0.1, 1.0)
