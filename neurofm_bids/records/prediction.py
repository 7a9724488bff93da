"""What the network predicts from one scan."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from neurofm_bids.records.schema import RECORD

__all__ = ["Prediction"]


@dataclass(frozen=True, config=RECORD)
class Prediction:
    """One predicted quantity of one scan.

    Parameters
    ----------
    value
        Mean over the passes of the test-time augmentation, in ``units``.
    sd
        Standard deviation over the passes (repeatability, not accuracy); None with a single pass.
    interval95
        ``value`` plus and minus 1.96 ``sd``, within 0 and 1 for a probability.
    in_range
        Whether the value lies in ``range``, for which the model was trained.
    of_class
        The class of which the value is the probability; None for other quantities.
    """

    value: float
    sd: float | None
    interval95: tuple[float, float] | None
    units: str
    range: tuple[float, float]
    in_range: bool
    long_name: str
    description: str
    of_class: str | None = None
