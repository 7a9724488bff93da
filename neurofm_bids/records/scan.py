"""The record of one scan: everything that was measured and predicted, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from pydantic.dataclasses import dataclass

from neurofm_bids.records.anatomy import Anatomy
from neurofm_bids.records.attribution import Attribution
from neurofm_bids.records.flag import Flag
from neurofm_bids.records.judgement import Judgement
from neurofm_bids.records.measurement import Measurements
from neurofm_bids.records.prediction import Prediction
from neurofm_bids.records.schema import RECORD, from_json, to_json
from neurofm_bids.storage.atomic import file_sha256

__all__ = ["DerivedImage", "Identity", "Input", "Model", "Provenance", "ScanRecord"]


@dataclass(frozen=True, config=RECORD)
class Identity:
    """Which scan this is.

    Parameters
    ----------
    uri
        BIDS URI in the dataset linked as ``raw``; None for an image outside a BIDS dataset.
    stem
        File name without ``_T1w`` and extension; ``image`` for an image without a file.
    subject, session
        Labels without prefix, where there are any.
    entities
        Key and value pairs of the file name.
    """

    uri: str | None = None
    stem: str = "image"
    subject: str | None = None
    session: str | None = None
    entities: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Path of the image in its dataset, or its stem."""
        return self.uri.removeprefix("bids:raw:") if self.uri else self.stem


@dataclass(frozen=True, config=RECORD)
class Model:
    """Which network and which weights."""

    name: str
    label: str
    weights_sha256: str
    license: str
    notice: str


@dataclass(frozen=True, config=RECORD)
class Input:
    """The image as it was read: SHA-256, size in bytes and time of modification (ns)."""

    hash: str
    size: int
    modified: int

    def is_in(self, path: Path) -> bool:
        """Tell whether a file holds this image; it is hashed only if its time of modification differs.

        Raises
        ------
        OSError
            The file cannot be read.
        """
        status = path.stat()
        return self.size == status.st_size and (
            self.modified == status.st_mtime_ns or self.hash == file_sha256(path)
        )


@dataclass(frozen=True, config=RECORD)
class DerivedImage:
    """A file of another program with which a scan was processed.

    Parameters
    ----------
    use
        ``mask`` (the brain mask), ``bias_correction`` (the T1w without bias) or ``transform`` (of the T1w to
        the space of these).
    dataset
        Name under which its derivative was given, as in BIDS URIs; empty for one given in Python.
    path
        In the derivative.
    tool
        Name and version of the program; empty where they are not known.
    input
        The file; None for an image without one.
    """

    use: Literal["mask", "bias_correction", "transform"]
    dataset: str
    path: str
    tool: str
    input: Input | None

    @property
    def uri(self) -> str:
        """BIDS URI."""
        return f"bids:{self.dataset}:{self.path}"


@dataclass(frozen=True, config=RECORD)
class Provenance:
    """How the outputs were made.

    Parameters
    ----------
    version
        Version of NeuroFM-BIDS.
    pipeline_version
        Raised when results change: scans of another one are processed again.
    input
        The image; None for an image without a file.
    parameters, parameters_hash
        Settings that change results, and the SHA-256 of their sorted JSON.
    software
        Versions by package.
    """

    version: str
    pipeline_version: int
    model: Model
    input: Input | None
    parameters: Mapping[str, Any]
    parameters_hash: str
    software: Mapping[str, str]


@dataclass(frozen=True, config=RECORD)
class ScanRecord:
    """Everything about one processed scan but its images and features.

    Parameters
    ----------
    acquisition
        Acquisition parameters from the metadata of the image.
    image_quality
        Image quality metrics (IQMs) by name; None where the image does not allow one.
    views
        Passes of the test-time augmentation.
    predictions
        By name of the target.
    quality
        Whether the scan can be used, from its flags.
    anatomy
        Volumes of the regions; None without segmentation.
    not_measured
        Why an image quality metric is None, by name.
    attributions
        By name of the target; empty without attribution.
    derived
        Files of other programs that took the place of steps; none by default.
    """

    scan: Identity
    acquisition: Mapping[str, Any]
    measurements: Measurements
    image_quality: Mapping[str, float | None]
    views: int
    predictions: Mapping[str, Prediction]
    flags: tuple[Flag, ...]
    quality: Judgement
    provenance: Provenance
    anatomy: Anatomy | None = None
    not_measured: Mapping[str, str] = field(default_factory=dict)
    attributions: Mapping[str, Attribution] = field(default_factory=dict)
    derived: tuple[DerivedImage, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values, as in its JSON file: seven significant digits."""
        return to_json(self)

    @classmethod
    def from_dict(cls, values: Any) -> ScanRecord:
        """Return the record of a JSON file.

        Raises
        ------
        NeuroFMError
            A value is absent, unknown, of another type, or not finite.
        """
        return from_json(cls, values)
