"""One scan to be processed, with everything that its steps need to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurofm_bids.bids.derivative_layouts import MASK
from neurofm_bids.bids.derived import DerivedFile
from neurofm_bids.bids.discovery import Scan, scan_at
from neurofm_bids.bids.entities import scan_stem
from neurofm_bids.config import BOTH_STAGES, Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.explain.readout import LinearReadout
from neurofm_bids.records.scan import Identity

if TYPE_CHECKING:
    from neurofm_bids.model.encoder import Encoder

__all__ = ["Task", "acquisition", "identity", "image_task"]

_ACQUISITION = (
    "Manufacturer",
    "ManufacturersModelName",
    "MagneticFieldStrength",
    "PulseSequenceType",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
)


@dataclass(frozen=True)
class Task:
    """One scan and what is to be done with it; small, as it travels to the workers.

    Parameters
    ----------
    source
        Path of the T1w, or an image (in memory only).
    scan
        Which scan it is.
    acquisition
        Acquisition parameters from its metadata.
    processing
        The settings.
    weights_sha256
        SHA-256 of the weights.
    out_dir, output_images
        Where the outputs go, None if nothing is written; whether they include the preprocessed images.
    threads
        Threads of the steps that can use more than one.
    readouts
        Linear functions of the features that are attributed besides the targets of the model.
    derived
        Images of other programs that take the place of steps.
    stage, keep_interim
        Stage of the run, see ``--stage``; whether what one leaves for the next stays when the scan is done.
    encoder
        A loaded encoder (in memory only); by default each process loads its own.
    """

    source: Any
    scan: Identity
    acquisition: Mapping[str, Any]
    processing: Processing
    weights_sha256: str
    out_dir: Path | None = None
    output_images: bool = False
    threads: int = 1
    readouts: tuple[LinearReadout, ...] = ()
    derived: tuple[DerivedFile, ...] = ()
    stage: str = BOTH_STAGES
    keep_interim: bool = False
    encoder: Encoder | None = field(default=None, compare=False, repr=False)

    def derived_as(self, use: str) -> DerivedFile:
        """Return the image of another program that is used in a way.

        Raises
        ------
        NeuroFMError
            There is none.
        """
        found = next((file for file in self.derived if file.use == use), None)
        if found is None:
            raise NeuroFMError(
                f"no image of another program is given ({use})",
                fix="Use the command line with --derivatives, or give a mask in Python.",
                code=Exit.USAGE,
            )
        return found


def identity(scan: Scan) -> Identity:
    """Return what the record of a scan of a dataset names it by."""
    return Identity(scan.uri, scan.stem, scan.subject, scan.session, dict(scan.entities))


def acquisition(scan: Scan) -> dict[str, Any]:
    """Return the acquisition parameters among the metadata of a scan."""
    return {key: scan.metadata[key] for key in _ACQUISITION if key in scan.metadata}


def image_task(
    source: Any,
    processing: Processing,
    weights_sha256: str,
    encoder: Encoder,
    readouts: tuple[LinearReadout, ...] = (),
    mask: Any = None,
) -> Task:
    """Return the task of an image that is processed in memory.

    Parameters
    ----------
    source
        Path of the T1w, which is named as in a dataset if it is in one, or an image.
    readouts
        Linear functions of the features to attribute.
    mask
        Path or image of a brain mask of another program; None for none.
    """
    scan = scan_at(Path(source)) if isinstance(source, str | Path) else None
    if scan is not None:
        named, metadata = identity(scan), acquisition(scan)
    else:
        stem = scan_stem(Path(source).name) if isinstance(source, str | Path) else "image"
        named, metadata = Identity(stem=stem), {}
    name = Path(mask).name if isinstance(mask, str | Path) else ""
    derived = () if mask is None else (DerivedFile(MASK.use, mask, relative=name),)
    return Task(
        source,
        named,
        metadata,
        processing,
        weights_sha256,
        readouts=readouts,
        derived=derived,
        encoder=encoder,
    )
