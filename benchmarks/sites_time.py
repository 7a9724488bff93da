"""Time and memory of the analysis of sites: simulated scans of 20 sites, 512 features and 100 volumes.

    python benchmarks/sites_time.py [N...]

Prints scans, seconds, seconds of CPU (one thread) and peak memory of effects before and after, harmonisation
and recognition of sites.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import pandas as pd

from neurofm_bids.analysis.scans import Scans
from neurofm_bids.analysis.settings import AnalysisSettings
from neurofm_bids.analysis.sites.analyse import analyse
from neurofm_bids.analysis.sites.settings import SitesSettings

SITES, FEATURES, VOLUMES = 20, 512, 100


def simulated(n: int) -> Scans:
    rng = np.random.default_rng(0)
    site = rng.integers(0, SITES, n)
    features = rng.normal(size=(n, FEATURES)) + rng.normal(size=(SITES, FEATURES))[site]
    volumes = rng.normal(size=(n, VOLUMES)) + rng.normal(size=(SITES, VOLUMES))[site]
    volumes[rng.random((n, VOLUMES)) < 0.001] = np.nan
    columns = [f"region{k}_mm3" for k in range(VOLUMES)]
    about = {
        "participant_id": [f"sub-{k}" for k in range(n)],
        "session_id": None,
        "scan": [f"sub-{k}/anat/sub-{k}_T1w.nii.gz" for k in range(n)],
        "age": rng.uniform(20, 80, n),
        "sex": rng.choice(["F", "M"], n),
        "site": [f"site{k}" for k in site],
    }
    table = pd.DataFrame(volumes, columns=columns).assign(**about)
    included = np.ones(n, dtype=bool)
    return Scans(table, features.astype(np.float32), included, dict.fromkeys(columns, "mm^3"), (), ("site",))


def main() -> None:
    settings = AnalysisSettings(sites=SitesSettings(harmonise=True))
    print("scans", "seconds", "cpu_seconds", "peak_gb", sep="\t")
    for n in map(int, sys.argv[1:] or ["10000", "100000"]):
        scans = simulated(n)
        started, used = time.perf_counter(), time.process_time()
        analyse(scans, settings)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        seconds = (time.perf_counter() - started, time.process_time() - used)
        print(n, *(f"{one:.0f}" for one in seconds), f"{peak:.1f}", sep="\t", flush=True)


if __name__ == "__main__":
    main()
