"""Derivatives of other programs that a run is given."""

from __future__ import annotations

from neurofm_bids.named_path import PathReader

__all__ = ["DERIVATIVES", "given_derivative"]

DERIVATIVES = "derivatives"  # value of the options whose images can come from there

# a name is that of BIDS URIs; empty where it is still to be taken from the folder
given_derivative = PathReader("derivative such as fmriprep=/data/fmriprep", r"[A-Za-z0-9][A-Za-z0-9_-]*")
