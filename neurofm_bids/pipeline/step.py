"""What a step is: a function of one scan with declared inputs, outputs and needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from neurofm_bids.config import Processing
from neurofm_bids.pipeline.task import Task

__all__ = ["IMAGE", "TEXT", "VECTOR", "Kind", "Memory", "Step", "record"]


@dataclass(frozen=True)
class Kind:
    """How a value passes between processes and stages.

    Parameters
    ----------
    extension
        Of its file.
    save, load
        Writer and reader of the file.
    packed
        Extension of a compressed file, which the same functions write and read; by default it is not.
    """

    extension: str
    save: Callable[[Any, Path], None]
    load: Callable[[Path], Any]
    packed: str = ""


@dataclass(frozen=True)
class Memory:
    """Peak resident memory of a step in GB: a constant, and a part for each million voxels of the T1w."""

    constant_gb: float
    per_million_voxels_gb: float

    def gb(self, voxels: int) -> float:
        """Return what an image of this many voxels takes."""
        return self.constant_gb + self.per_million_voxels_gb * voxels / 1e6


@dataclass(frozen=True)
class Step:
    """One step of the pipeline.

    Parameters
    ----------
    name
        As in ``timing.tsv`` and ``failed.tsv``.
    function
        Called with the :class:`Task` and the inputs by name; returns the outputs by name.
    inputs
        Outputs of earlier steps.
    outputs
        Kind of each output by its name, which no other step uses.
    memory
        What it takes.
    parallel
        Uses ``Task.threads`` threads; other steps use one.
    gpu
        Runs the network, on a GPU if there is one.
    is_needed
        Tells whether scans that are processed with some settings need it; they do by default.
    absent
        What stands for its outputs where it is not needed, by name.
    """

    name: str
    function: Callable[..., dict[str, Any]]
    inputs: tuple[str, ...]
    outputs: Mapping[str, Kind]
    memory: Memory
    parallel: bool = False
    gpu: bool = False
    is_needed: Callable[[Processing], bool] = lambda processing: True
    absent: Mapping[str, Any] = field(default_factory=dict)

    def run(self, task: Task, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs by name; ``values`` holds at least the inputs.

        Raises
        ------
        TypeError
            The function does not return what the step declares.
        """
        outputs = self.function(task, **{name: values[name] for name in self.inputs})
        if outputs.keys() != self.outputs.keys():
            raise TypeError(f"the step {self.name} returned {sorted(outputs)}, not {sorted(self.outputs)}")
        return outputs


def record(kind: Any) -> Kind:
    """Return the kind of values that are records, or collections of records and numbers."""
    from neurofm_bids.records.schema import from_text, to_text

    return Kind(
        ".json",
        lambda value, path: _write_text(to_text(value, kind), path),
        lambda path: from_text(kind, _read_text(path)),
    )


def _write_text(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8", errors="surrogateescape")  # it may be a path


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def _save_image(image: Any, path: Path) -> None:
    image.to_filename(path)


def _load_image(path: Path) -> Any:
    import nibabel as nib

    return nib.Nifti1Image.from_filename(path)


def _save_vector(vector: Any, path: Path) -> None:
    import numpy as np

    np.save(path, vector, allow_pickle=False)


def _load_vector(path: Path) -> Any:
    import numpy as np

    return np.load(path, allow_pickle=False)


IMAGE = Kind(".nii", _save_image, _load_image, packed=".nii.gz")
VECTOR = Kind(".npy", _save_vector, _load_vector)
TEXT = Kind(".txt", _write_text, _read_text)
