from dataclasses import replace

import numpy as np
import pytest

from neurofm_bids.errors import NeuroFMError
from neurofm_bids.group.origins import one_origin
from neurofm_bids.records.cohort import Cohort
from neurofm_bids.records.origin import Origin

ORIGIN = Origin(6, "a", None, {"views": 8})


def cohort(*origins):
    return Cohort("openS", (), (), np.empty((0, 0), np.float32), origins=origins)


def test_a_scan_with_segmentation_stands_for_all():
    with_volumes = replace(ORIGIN, anatomy_weights_sha256="b")
    assert one_origin(cohort(ORIGIN, with_volumes), "no") == with_volumes


def test_scans_that_were_made_differently_are_refused():
    with pytest.raises(NeuroFMError, match="it cannot be made from scans that were made differently: some"):
        one_origin(cohort(ORIGIN, replace(ORIGIN, weights_sha256="c")), "it cannot be made from")
