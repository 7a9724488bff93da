"""Throughput of 3-D convolutions and other layers, and CPU seconds and memory of the anatomy network.

Usage: python benchmarks/anatomy_network.py [layers] [network] [loss]

One thread, CPU time, best of three. Layers: a map of 40 x 48 x 48 voxels (half as many along each axis for
"half"), forward, and forward with backward. Network: a training step on a crop of 72^3 with the loss, and
inference on a box of 84 x 92 x 100 voxels in a process of its own, with the memory that it adds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from neurofm_bids.anatomy.network import CLASSES, AnatomyArchitecture, AnatomyNet
from neurofm_bids.pretrain.training.segmentation_loss import dense_fractions, segmentation_loss

SIZE, HALF, CROP, BOX = (40, 48, 48), (20, 24, 24), (72, 72, 72), (84, 92, 100)
FORMATS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last_3d}
PRECISIONS = (torch.float32, torch.bfloat16)
ARCHITECTURES = {
    "16 48 96 96 (default)": AnatomyArchitecture(),
    "16 32 64 96": AnatomyArchitecture((16, 32, 64, 96)),
    "32 64 96 96": AnatomyArchitecture((32, 64, 96, 96)),
}


def cpu_seconds(action, rounds=3):
    action()
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return best


def time_layer(layer, channels, size, memory_format, precision):
    """Return milliseconds forward, and forward with backward."""
    x = torch.randn(1, channels, *size).to(precision).contiguous(memory_format=memory_format)
    if isinstance(layer, nn.Module):
        layer = layer.to(precision).to(memory_format=memory_format)
    with torch.inference_mode():
        forward = cpu_seconds(lambda: layer(x))
    x.requires_grad_()

    def step():
        y = layer(x)
        y.backward(torch.ones_like(y))

    return forward * 1e3, cpu_seconds(step) * 1e3


def convolutions():
    for width in (12, 16, 24, 32, 48, 64):
        work = SIZE[0] * SIZE[1] * SIZE[2] * 27 * width**2 / 1e6  # so that work / ms is GMAC/s
        cells = []
        for memory_format in FORMATS.values():
            for precision in PRECISIONS:
                layer = nn.Conv3d(width, width, 3, padding=1)
                forward, both = time_layer(layer, width, SIZE, memory_format, precision)
                cells.append(f"{work / forward:.0f}, {3 * work / both:.0f}")
        print(f"| {width} | {' | '.join(cells)} |", flush=True)


def other_layers():
    def up(mode):
        return lambda x: F.interpolate(x, scale_factor=2, mode=mode)

    layers = {
        "3x3x3, 16": (nn.Conv3d(16, 16, 3, padding=1), 16, SIZE),
        "3x3x1 then 1x1x3, 16": (
            nn.Sequential(
                nn.Conv3d(16, 16, (3, 3, 1), padding=(1, 1, 0)),
                nn.Conv3d(16, 16, (1, 1, 3), padding=(0, 0, 1)),
            ),
            16,
            SIZE,
        ),
        "3x3x3 depthwise, 16": (nn.Conv3d(16, 16, 3, padding=1, groups=16), 16, SIZE),
        "1x1x1, 16 to 26": (nn.Conv3d(16, 26, 1), 16, SIZE),
        "3x3x3, 32 to 32, half": (nn.Conv3d(32, 32, 3, padding=1), 32, HALF),
        "3x3x3, 48 to 48, half": (nn.Conv3d(48, 48, 3, padding=1), 48, HALF),
        "3x3x3 stride 2, 16 to 32": (nn.Conv3d(16, 32, 3, padding=1, stride=2), 16, SIZE),
        "2x2x2 stride 2, 16 to 32": (nn.Conv3d(16, 32, 2, stride=2), 16, SIZE),
        "largest of 2x2x2, 16": (nn.MaxPool3d(2), 16, SIZE),
        "transposed 2x2x2, 32 to 16, half": (nn.ConvTranspose3d(32, 16, 2, stride=2), 32, HALF),
        "trilinear doubling, 16, half": (up("trilinear"), 16, HALF),
        "nearest doubling, 16, half": (up("nearest"), 16, HALF),
        "instance norm, 16": (nn.InstanceNorm3d(16, affine=True), 16, SIZE),
        "batch norm in training, 16": (nn.BatchNorm3d(16), 16, SIZE),
        "group norm (4), 16": (nn.GroupNorm(4, 16), 16, SIZE),
        "leaky ReLU, 16": (F.leaky_relu, 16, SIZE),
        "SiLU, 16": (F.silu, 16, SIZE),
        "log-softmax, 26": (lambda x: F.log_softmax(x, 1), 26, SIZE),
    }
    for name, (layer, channels, size) in layers.items():
        times = [time_layer(layer, channels, size, torch.channels_last_3d, p) for p in PRECISIONS]
        cells = (f"{forward:.1f}, {both:.1f}" for forward, both in times)
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def training_step(architecture, precision):
    network = AnatomyNet(architecture)
    x, labels = torch.randn(1, 1, *CROP), torch.randint(0, len(CLASSES), (1, 4, *CROP))
    fractions, left = dense_fractions(labels, torch.full(labels.shape, 0.25)), torch.rand(1, *CROP)

    def step():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            outputs = network(x)
        segmentation_loss(outputs, fractions, left).backward()

    return cpu_seconds(step, 2)


def peak_gb():
    """Return the largest resident memory of this process; getrusage includes that of its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e9


def inference(name, precision):
    network, x = AnatomyNet(ARCHITECTURES[name]).eval(), torch.randn(1, 1, *BOX)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")
    before = peak_gb()
    with torch.inference_mode(), autocast:
        used = cpu_seconds(lambda: network(x), 2)
    print(f"{used:.2f} | {peak_gb() - before:.2f}")


def networks():
    for name, architecture in ARCHITECTURES.items():
        weights = sum(p.numel() for p in AnatomyNet(architecture).parameters())
        for precision in PRECISIONS:
            step, kind = training_step(architecture, precision), str(precision).removeprefix("torch.")
            command = [sys.executable, __file__, "inference", name, kind]
            measured = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
            print(f"| {name} | {weights:,} | {kind} | {step:.2f} | {measured} |", flush=True)


def loss():
    labels = torch.randint(0, len(CLASSES), (1, 4, *CROP))
    shares, left = torch.full(labels.shape, 0.25), torch.rand(1, *CROP)
    print(f"| dense fractions from four pairs | {cpu_seconds(lambda: dense_fractions(labels, shares)):.3f} |")
    fractions = dense_fractions(labels, shares)
    logits = torch.randn(1, len(CLASSES) + 1, *CROP).contiguous(memory_format=torch.channels_last_3d)
    sizes = (CROP, *([n >> level for n in CROP] for level in (1, 2)))
    outputs = [logits[..., :d, :h, :w].clone().requires_grad_() for d, h, w in sizes]
    used = cpu_seconds(lambda: segmentation_loss(outputs, fractions, left).backward())
    print(f"| loss with gradients | {used:.3f} |")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if sys.argv[1:2] == ["inference"]:
        inference(*sys.argv[2:])
        return
    chosen = sys.argv[1:] or ["layers", "network", "loss"]
    if "layers" in chosen:
        convolutions()
        other_layers()
    if "network" in chosen:
        networks()
    if "loss" in chosen:
        loss()


if __name__ == "__main__":
    main()
