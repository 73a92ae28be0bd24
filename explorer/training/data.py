"""Prepared pictures as batches: uint8 where they lie, cropped, flipped, coloured and mixed as tensors on the device.

Everything that is drawn at a step comes from a generator seeded by the run's seed and the step's number, so a run that
goes on after a kill sees what it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from explorer.dataset import open_part
from explorer.training.recipe import PictureStage

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, as in the released code."""
ASPECT = 4 / 3
"""A crop's sides differ at most by this factor."""
DEVICE_SHARE = 0.5
"""Of a GPU's free memory that pictures may take; larger sets stay on disk."""


@dataclass(frozen=True)
class Dataset:
    """Pictures (N,S,S,3) uint8, labels (N,) int64, class names, and what about.json says."""

    pixels: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    about: dict[str, Any]

    def __len__(self) -> int:
        return len(self.labels)

    def pick(self, index: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Pictures (B,3,S,S) from 0 to 1, float32, and labels (B,), on the device."""
        index = index.to(self.pixels.device)
        pixels = self.pixels[index].to(device, non_blocking=True)
        return pixels.permute(0, 3, 1, 2).float() / 255, self.labels[index].to(device)


def open_dataset(folder: Path, device: torch.device) -> Dataset:
    """A part (train or val) of a prepared folder; pictures are read from disk as they are needed, or lie on the GPU.

    Raises ExplorerError where the folder is not one that `prepare` wrote.
    """
    part = open_part(folder)
    pixels, numbers = torch.from_numpy(part.images), torch.from_numpy(part.labels)
    if device.type == "cuda" and part.images.nbytes < DEVICE_SHARE * torch.cuda.mem_get_info(device)[0]:
        pixels, numbers = pixels.to(device), numbers.to(device)
    return Dataset(pixels, numbers, part.classes, part.about)


def generator(seed: int, *numbers: int) -> torch.Generator:
    """Random numbers of one step or epoch, on the CPU, so that every device sees the same."""
    state = np.random.SeedSequence((seed, *numbers)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)


def batch_index(images: int, batch: int, step: int, seed: int) -> Tensor:
    """Numbers of the images of a step: each epoch in an order of its own, whole batches only."""
    batch = min(batch, images)
    epoch, place = divmod(step, max(1, images // batch))
    return _order(images, seed, epoch)[place * batch : (place + 1) * batch]


@lru_cache(maxsize=2)
def _order(images: int, seed: int, epoch: int) -> Tensor:
    return torch.randperm(images, generator=generator(seed, epoch))


def augment(pixels: Tensor, stage: PictureStage, draw: torch.Generator) -> Tensor:
    """(B,3,S,S) from 0 to 1 → (B,3,size,size), normalised: a random crop resized, a flip, a little colour."""
    out = random_crop(pixels, stage.size, stage.crop, draw)
    if stage.jitter:
        out = _jitter(out, stage.jitter, draw)
    return normalise(out)


def random_crop(pixels: Tensor, size: int, area: tuple[float, float], draw: torch.Generator) -> Tensor:
    """A crop of each picture with a random share of the area, side ratio and place, half of them mirrored."""
    batch, side = len(pixels), pixels.shape[-1]
    share = torch.empty(batch).uniform_(*area, generator=draw).sqrt()
    ratio = ASPECT ** torch.empty(batch).uniform_(-0.5, 0.5, generator=draw)
    wide, high = (share * ratio).clamp(max=1), (share / ratio).clamp(max=1)
    left, top = ((2 * torch.rand(batch, generator=draw) - 1) * (1 - extent) for extent in (wide, high))
    mirror = torch.where(torch.rand(batch, generator=draw) < 0.5, -1.0, 1.0)
    zero = torch.zeros(batch)
    frame = torch.stack([wide * mirror, zero, left, zero, high, top], 1).view(batch, 2, 3).to(pixels.device)
    if (factor := side // (2 * size)) > 1:  # sampling alone would skip pixels
        pixels = F.avg_pool2d(pixels, factor)
    grid = F.affine_grid(frame, [batch, 3, size, size], align_corners=False)
    return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)


def _jitter(pixels: Tensor, strength: float, draw: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation of each picture times a factor within 1 ± strength."""
    factors = 1 + strength * (2 * torch.rand(3, len(pixels), 1, 1, 1, generator=draw) - 1)
    brightness, contrast, saturation = factors.to(pixels.device)
    pixels = pixels * brightness
    grey = pixels.mean(1, keepdim=True)
    pixels = grey + (pixels - grey) * saturation
    middle = grey.mean((2, 3), keepdim=True)
    return (middle + (pixels - middle) * contrast).clamp(0, 1)


def normalise(pixels: Tensor) -> Tensor:
    mean, std = (torch.tensor(v, device=pixels.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (pixels - mean) / std


def whole(pixels: Tensor, size: int) -> Tensor:
    """(B,3,S,S) from 0 to 1 → (B,3,size,size), normalised: the whole square, as for validation."""
    if pixels.shape[-1] != size:
        pixels = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return normalise(pixels)


def targets(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """(B,) → shares (B,C) that sum to 1: 1 − smoothing for the label, the rest spread evenly over all."""
    return F.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes


def mix(images: Tensor, shares: Tensor, stage: PictureStage, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each image with its neighbour in the batch: blended (mixup) or with a rectangle of it (cutmix)."""
    ways = [way for way in ("mixup", "cutmix") if getattr(stage, way)]
    if not ways:
        return images, shares
    chance = np.random.default_rng(int(torch.randint(1 << 62, (1,), generator=draw)))
    way = ways[chance.integers(len(ways))]
    part = chance.beta(getattr(stage, way), getattr(stage, way))
    other = images.roll(1, 0)
    if way == "mixup":
        images = part * images + (1 - part) * other
    else:
        size = images.shape[-1]
        side = round(size * (1 - part) ** 0.5)
        top, left = chance.integers(size - side + 1, size=2)
        images = images.clone()
        images[:, :, top : top + side, left : left + side] = other[:, :, top : top + side, left : left + side]
        part = 1 - (side / size) ** 2
    return images, part * shares + (1 - part) * shares.roll(1, 0)


def draw_patches(batch: int, patches: int, kept: int, draw: torch.Generator) -> Tensor | None:
    """Numbers (B,kept) of the patches that enter the network, None when all do."""
    if kept == patches:
        return None
    return torch.rand(batch, patches, generator=draw).topk(kept, dim=1).indices
