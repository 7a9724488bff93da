from pathlib import Path

from neurofm_bids.bids.discovery import Scan


def scan(number):
    """Return a scan that no file stands for."""
    return Scan(Path(f"/bids/sub-{number}/anat/sub-{number}_T1w.nii"), Path("/bids"), str(number), None, ())
