"""The sizes that tell the three published variants apart."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARCHITECTURES", "WIDTH", "Architecture"]

WIDTH = 32  # channels of the first stage; the second has twice as many, and so on


@dataclass(frozen=True)
class Architecture:
    """The sizes that tell the variants apart.

    Parameters
    ----------
    blocks
        Number of blocks of each stage; the last block of a stage has stride 2.
    pooled_dense
        Units of the dense layer on the flattened map, or None for global average pooling.
    neck
        Units of the dense layers between map and latent vector.
    head_hidden
        Units of the hidden layer of each head, or None.
    """

    name: str
    blocks: tuple[int, ...]
    pooled_dense: int | None
    neck: tuple[int, ...]
    head_hidden: int | None

    @property
    def latent_size(self) -> int:
        """Length of the latent vector."""
        return self.neck[-1] if self.neck else WIDTH * len(self.blocks)


ARCHITECTURES = {
    "s": Architecture("s", (1, 1, 1, 1, 1), None, (), None),
    "m": Architecture("m", (1, 1, 5, 5, 5, 5, 5), None, (256, 256), 128),
    "l": Architecture("l", (1, 1, 5, 5, 5, 5, 5, 5), 1024, (512, 512), 256),
}
