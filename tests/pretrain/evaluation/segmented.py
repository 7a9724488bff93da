"""Segmented scans for the tests of summary and report."""

import math

from neurofm_bids.pretrain.evaluation.anatomy_summary import MEASURED, MeasuredStructure, SegmentedScan


def segmented(name, participant, known=None, found=None, session="", repeats=None):
    """Return a scan with some known and found volumes in ml; all others are NaN and 5 ml."""
    structures = {
        structure: MeasuredStructure(
            known_ml=(known or {}).get(structure, math.nan),
            volume_ml=(found or {}).get(structure, 5.0),
            voxels_ml=(found or {}).get(structure, 5.0) + 1,
            spread_ml=0.1,
            confidence=0.9,
            dice=0.8 if structure in (known or {}) else math.nan,
        )
        for structure in MEASURED
    }
    changed = {change: dict.fromkeys(MEASURED, 5.0) | volumes for change, volumes in (repeats or {}).items()}
    return SegmentedScan(name, participant, session, structures, changed)
