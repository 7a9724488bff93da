"""Settings of the age gap."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AgeGapSettings"]


@dataclass(frozen=True)
class AgeGapSettings:
    """What the age gap is corrected with, and what it is associated with.

    Parameters
    ----------
    controls
        Participants to whom the correction is fitted: labels, and conditions ``COLUMN=VALUE``. Without any
        the gap is not corrected.
    associations
        Columns that the gap is associated with.
    adjust
        Columns that associations are adjusted for, beside age, sex and ``quality``.
    quality
        Columns of image quality that associations are adjusted for, as far as they are in the tables.
    categories
        Columns that are categories although their values are numbers.
    """

    controls: tuple[str, ...] = ()
    associations: tuple[str, ...] = ()
    adjust: tuple[str, ...] = ()
    quality: tuple[str, ...] = ("cjv", "fwhm_mean_mm")
    categories: tuple[str, ...] = ()
