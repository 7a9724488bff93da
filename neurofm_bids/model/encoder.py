"""Encoding: model-grid volumes in, features and predictions out."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurofm_bids.config import Processing
from neurofm_bids.errors import Exit, NeuroFMError
from neurofm_bids.model.augmentation import lattices, read_volume
from neurofm_bids.model.device import choose_device
from neurofm_bids.model.summary import summarise
from neurofm_bids.records.prediction import Prediction

if TYPE_CHECKING:
    import torch

    from neurofm_bids.model.network import Outputs
    from neurofm_bids.model.weights import LoadedModel

__all__ = ["Encoder", "Encoding"]

_log = logging.getLogger(__name__)
_LATENT = "latent"
T = TypeVar("T")


@dataclass(frozen=True)
class Encoding:
    """Features and predictions of one volume.

    Parameters
    ----------
    features
        Latent vector, mean over the views, float32, shape (n,).
    predictions
        Predictions by name of the head.
    views
        Number of views averaged.
    zscore_mean, zscore_sd
        Statistics of the whole cube that standardised it.
    """

    features: NDArray[np.float32]
    predictions: dict[str, Prediction]
    views: int
    zscore_mean: float
    zscore_sd: float


@dataclass
class _Scan:
    """One volume on its way: its views, and the outputs of those that are done."""

    boxes: torch.Tensor
    start: tuple[int, ...]
    background: float
    zscore: tuple[float, float]
    outputs: list[dict[str, NDArray[np.float64]]] = field(default_factory=list)

    def is_done(self) -> bool:
        return len(self.outputs) == len(self.boxes)


class Encoder:
    """A loaded model on a device.

    Parameters
    ----------
    loaded
        Network, registry entry and hash. The weights are taken as they are now: later changes of the network
        are not followed.
    processing
        Its ``device``, ``precision`` and ``batch_size`` are used. The batch is halved with a warning when the
        device runs out of memory; by default it has 1 view on a CPU, where more are no faster, 8 on a GPU.
    """

    def __init__(self, loaded: LoadedModel, processing: Processing) -> None:
        import torch

        from neurofm_bids.model.fast import FastNetwork

        self.spec = loaded.spec
        self.device = choose_device(processing.device)
        self.network = FastNetwork(loaded.network, getattr(torch, processing.precision)).to(self.device)
        batch_size = processing.batch_size
        if batch_size is None:
            batch_size = 1 if self.device.type == "cpu" else 8
        if batch_size < 1:
            raise NeuroFMError(f"the batch size is {batch_size}", fix="Use 1 or more.", code=Exit.USAGE)
        self._batch_size = batch_size

    def encode(self, volume: NDArray[np.generic], views: int = Processing.views) -> Encoding:
        """Return features and predictions of one model-grid volume.

        Parameters
        ----------
        volume
            256^3 voxels of 1 mm, LIA, constant background, not standardised.
        views
            Views to average; 1 is the published single pass.

        Raises
        ------
        NeuroFMError
            The volume is not 256^3, not of finite real numbers, or constant.
        """
        encoding = next(self.encode_many([volume], np.asarray, views))
        if isinstance(encoding, Exception):
            raise encoding
        return encoding

    def encode_many(
        self, sources: Iterable[T], read: Callable[[T], NDArray[Any]], views: int = Processing.views
    ) -> Iterator[Encoding | Exception]:
        """Yield the encodings of many volumes in their order, with bounded memory.

        The next volume is read while the network is at work. Batches hold views of several volumes when one
        has too few to fill them. Where a volume cannot be encoded, the exception takes the place of its
        encoding.

        Parameters
        ----------
        sources
            Anything that ``read`` makes a model-grid volume of; taken one at a time.
        read
            Called in another thread.
        views
            Views to average per volume.
        """
        scans: deque[_Scan | Exception] = deque()
        todo: deque[tuple[_Scan, int]] = deque()
        for scan in chain(_ahead(lambda source: self._prepare(read(source), views), sources), [None]):
            if scan is not None:
                scans.append(scan)
            if isinstance(scan, _Scan):
                todo.extend((scan, view) for view in range(len(scan.boxes)))
            while todo and (scan is None or len(todo) >= self._batch_size):
                self._run(todo)
            while scans and (isinstance(scans[0], Exception) or scans[0].is_done()):
                first = scans.popleft()
                yield first if isinstance(first, Exception) else self._encoding(first)

    def _prepare(self, volume: NDArray[Any], views: int) -> _Scan:
        import torch

        checked = read_volume(volume, self.spec.zscore)
        boxes, start = lattices(checked, views)
        tensor = torch.from_numpy(boxes)
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return _Scan(tensor, start, checked.standard_background, (checked.mean, checked.sd))

    def _run(self, todo: deque[tuple[_Scan, int]]) -> None:
        """Compute one batch of the views to do and take them off the list."""
        import torch

        batch = [todo[i] for i in range(min(self._batch_size, len(todo)))]
        try:
            outputs = self._forward(batch)
        except (RuntimeError, MemoryError) as error:
            lacks_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
            if not lacks_memory and "allocate" not in str(error):  # what a CPU without memory says
                raise
            self._halve()
            return
        tensors = {_LATENT: outputs.latent, **outputs.heads}
        values = {name: tensor.cpu().double().numpy() for name, tensor in tensors.items()}
        for row, (scan, _) in enumerate(batch):
            scan.outputs.append({name: value[row] for name, value in values.items()})
            todo.popleft()

    def _forward(self, batch: list[tuple[_Scan, int]]) -> Outputs:
        import torch

        boxes, start = _joined(batch)
        background = torch.tensor([scan.background for scan, _ in batch], device=self.device)
        with torch.backends.cudnn.flags(allow_tf32=False, deterministic=True):
            outputs: Outputs = self.network(boxes.to(self.device, non_blocking=True), start, background)
        return outputs

    def _halve(self) -> None:
        if self._batch_size == 1:
            raise NeuroFMError(
                "the device has too little memory for one pass", fix="Use --device cpu.", code=Exit.TRY_AGAIN
            )
        self._batch_size //= 2
        _log.warning("The device ran out of memory: the batch size is now %d.", self._batch_size)

    def _encoding(self, scan: _Scan) -> Encoding:
        stacked = {name: np.stack([output[name] for output in scan.outputs]) for name in scan.outputs[0]}
        latent = stacked.pop(_LATENT)
        predictions = summarise(stacked, self.spec)
        return Encoding(latent.mean(axis=0).astype(np.float32), predictions, len(latent), *scan.zscore)


def _ahead(prepare: Callable[[T], _Scan], sources: Iterable[T]) -> Iterator[_Scan | Exception]:
    """Prepare each source in a thread, one ahead of the one in use."""
    coming: deque[Future[_Scan]] = deque()
    with ThreadPoolExecutor(1, thread_name_prefix="encoder") as pool:
        for source in sources:
            coming.append(pool.submit(prepare, source))
            if len(coming) > 1:
                yield _outcome(coming.popleft())
        while coming:
            yield _outcome(coming.popleft())


def _outcome(future: Future[_Scan]) -> _Scan | Exception:
    try:
        return future.result()
    except Exception as error:
        return error


def _joined(batch: list[tuple[_Scan, int]]) -> tuple[torch.Tensor, tuple[int, ...]]:
    """Return views as one tensor over a box that holds all their boxes, (N, d, h, w), and its start."""
    import torch

    first = batch[0][0]
    if all(scan is first for scan, _ in batch):
        return first.boxes[batch[0][1] : batch[-1][1] + 1], first.start
    starts = np.array([scan.start for scan, _ in batch])
    ends = starts + [scan.boxes.shape[1:] for scan, _ in batch]
    low, shape = starts.min(axis=0), ends.max(axis=0) - starts.min(axis=0)
    joined = torch.stack([torch.full(tuple(shape), scan.background) for scan, _ in batch])
    for row, (scan, view), start, end in zip(joined, batch, starts - low, ends - low, strict=True):
        row[tuple(slice(a, b) for a, b in zip(start, end, strict=True))] = scan.boxes[view]
    return joined, tuple(int(i) for i in low)
