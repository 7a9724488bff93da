"""Compare the CPU time of bfloat16 with that of float32 in training: one convolution, and both networks.

Usage: python -m benchmarks.training_precision

One thread. Printed: milliseconds with gradients, the best of three, and their ratio.
"""

import torch
from torch import nn

from neurofm_bids.pretrain.training.features import timed_features
from neurofm_bids.pretrain.training.precision import training_seconds
from neurofm_bids.pretrain.training.segmentation import timed_segmentation

WIDTH, EDGE = 48, 24


def timed_convolution():
    """Return what computes a 3x3x3 convolution, channels last."""
    layer = nn.Conv3d(WIDTH, WIDTH, 3, padding=1)
    maps = torch.rand(1, WIDTH, EDGE, EDGE, EDGE).contiguous(memory_format=torch.channels_last_3d)

    def compute(precision):
        return layer.to(precision)(maps.to(precision).requires_grad_()).float().sum()

    return compute


def main():
    torch.set_num_threads(1)
    print("| | float32 (ms) | bfloat16 (ms) | ratio |\n| --- | --- | --- | --- |")
    for name, compute in {
        "3x3x3 convolution, 48 channels": timed_convolution(),
        "network that segments": timed_segmentation(),
        "network of open-s": timed_features("s"),
    }.items():
        exact, rough = (1000 * training_seconds(compute, p) for p in (torch.float32, torch.bfloat16))
        print(f"| {name} | {exact:.0f} | {rough:.0f} | {rough / exact:.2f} |", flush=True)


if __name__ == "__main__":
    main()
