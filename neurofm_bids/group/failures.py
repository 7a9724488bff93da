"""Scans that should have outputs: those that failed, and those that wait for the stage of encoding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from neurofm_bids.bids.filters import Selector
from neurofm_bids.bids.names import INTERIM
from neurofm_bids.bids.stored import StoredScan
from neurofm_bids.group.presence import still_selected
from neurofm_bids.group.reading import read_failures
from neurofm_bids.group.source import Source
from neurofm_bids.pipeline.hand_over import waiting_scans

__all__ = ["expected_scans"]

_WAITING = "preprocessed, and not encoded yet. Run the participant level with --stage encode"


def expected_scans(sources: Mapping[str, Source], selector: Selector) -> dict[StoredScan, str]:
    """Return the selected scans that a run listed as failed, or left to the stage of encoding, with reasons.

    They may have been finished since. Folders that could not be read are among them, with their paths in the
    dataset as stems. No scan has a session here.

    Parameters
    ----------
    sources
        The output folders by key.
    """
    return {
        StoredScan(re.split("[_/]", stem)[0].removeprefix("sub-"), None, stem, source=key): why
        for key, source in sources.items()
        for stem, why in _of_folder(source, selector)
    }


def _of_folder(source: Source, selector: Selector) -> Iterator[tuple[str, str]]:
    yield from read_failures(source.out.out_dir, source.bids_dir, selector).items()
    for stem in still_selected(source.bids_dir, waiting_scans(source.out.out_dir / INTERIM), selector):
        yield stem, _WAITING
