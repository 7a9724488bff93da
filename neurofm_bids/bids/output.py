"""What an output of a scan is, and the optional parts of the outputs."""

from __future__ import annotations

from dataclasses import dataclass

from neurofm_bids.config import Config

__all__ = ["ANATOMY", "ATTRIBUTION", "IMAGES", "Output", "parts_of"]

IMAGES, ANATOMY, ATTRIBUTION = "images", "anatomy", "attribution"


@dataclass(frozen=True)
class Output:
    """One file per scan.

    Parameters
    ----------
    ending
        What follows the stem; ``{label}`` is the model's, ``{template}`` the template's.
    is_bids
        BIDS has a rule for this name; others are listed in ``.bidsignore``.
    parts
        Optional parts of the outputs: written only if a run makes all of them.
    is_joined
        Made with the reports, also from the tables of the dataset; a scan counts as finished without it.
    is_figure
        Lies in ``figures/``, for the report; a scan counts as finished without it.
    desc
        What the ``desc-`` entity of the name stands for.
    """

    ending: str
    is_bids: bool = True
    parts: tuple[str, ...] = ()
    is_figure: bool = False
    is_joined: bool = False
    desc: str = ""


def parts_of(config: Config) -> frozenset[str]:
    """Return the optional parts that a run makes.

    >>> from pathlib import Path
    >>> parts_of(Config(Path(), Path()))
    frozenset({'anatomy'})
    """
    made = {
        IMAGES: config.outputs.output_images,
        ANATOMY: not config.processing.no_anatomy,
        ATTRIBUTION: bool(config.processing.attribution),
    }
    return frozenset(name for name, is_made in made.items() if is_made)
