"""Batches and augmentation."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from explorer.errors import ExplorerError
from explorer.training import data
from explorer.training.data import (
    augment,
    batch_index,
    draw_patches,
    generator,
    mix,
    normalise,
    open_dataset,
    random_crop,
    targets,
    whole,
)
from explorer.training.recipe import PictureStage

CPU = torch.device("cpu")
PLAIN = PictureStage(data="x", size=16, epochs=1, batch=4, crop=(1.0, 1.0), jitter=0.0)


def test_each_epoch_sees_every_image_once_in_an_order_of_its_own():
    epochs = [[batch_index(12, 4, step, seed=3).tolist() for step in range(3 * e, 3 * e + 3)] for e in range(2)]
    assert [sorted(number for step in epoch for number in step) for epoch in epochs] == [list(range(12))] * 2
    assert epochs[0] != epochs[1]
    assert batch_index(12, 4, 5, seed=3).tolist() == epochs[1][2]
    assert sorted(batch_index(3, 4, 7, seed=0).tolist()) == [0, 1, 2]  # fewer images than a batch


def test_the_same_numbers_give_the_same_draw():
    draws = [torch.rand(3, generator=generator(*numbers)) for numbers in ((0, 1), (0, 1), (0, 2), (1, 1))]
    assert torch.equal(draws[0], draws[1])
    assert len({tuple(draw.tolist()) for draw in draws}) == 3


def test_a_crop_of_everything_is_the_picture_or_its_mirror(monkeypatch):
    monkeypatch.setattr(data, "ASPECT", 1.0)
    pixels = torch.rand(1, 3, 16, 16, generator=generator(0)).expand(32, -1, -1, -1)
    out = random_crop(pixels, 16, (1.0, 1.0), generator(1))
    same, mirrored = ((out - p).abs().amax((1, 2, 3)) < 1e-4 for p in (pixels, pixels.flip(3)))
    assert (same ^ mirrored).all()
    assert 8 < same.sum() < 24


def test_crops_lie_within_the_picture_and_vary():
    """A ramp from 0 to 1: values stay within, and the mean value of a crop is where it lies."""
    ramp = torch.linspace(0, 1, 64).expand(200, 3, 64, 64).contiguous()
    out = random_crop(ramp, 16, (0.1, 0.3), generator(0))
    assert out.shape == (200, 3, 16, 16)
    assert out.min() >= 0
    assert out.max() <= 1
    spans = (out[:, 0, 0, -1] - out[:, 0, 0, 0]).abs() * 16 / 15
    assert spans.min() > (0.1 * 0.75) ** 0.5 - 0.05
    assert spans.max() < (0.3 / 0.75) ** 0.5 + 0.05
    assert 0.3 < (out[:, 0, 0, -1] < out[:, 0, 0, 0]).float().mean() < 0.7  # half of them are mirrored
    assert out.mean((1, 2, 3)).std() > 0.1


def test_shrinking_averages_all_pixels():
    """Stripes one pixel wide become grey, instead of whichever stripe a sample hits."""
    stripes = (torch.arange(64) % 2).float().expand(8, 3, 64, 64).contiguous()
    out = random_crop(stripes, 8, (1.0, 1.0), generator(0))
    assert out.std() < 0.15
    assert out.mean() == pytest.approx(0.5, abs=0.05)


def test_augmented_pictures_are_normalised_and_repeatable():
    pixels = torch.rand(4, 3, 16, 16, generator=generator(0))
    stage = dataclasses.replace(PLAIN, jitter=0.4, crop=(0.3, 1.0))
    one, again, other = (augment(pixels, stage, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    bounds = normalise(torch.stack([torch.zeros(3, 1, 1), torch.ones(3, 1, 1)]))
    assert (one >= bounds[0] - 1e-5).all()
    assert (one <= bounds[1] + 1e-5).all()


def test_whole_keeps_the_mean():
    pixels = torch.rand(2, 3, 32, 32, generator=generator(0))
    torch.testing.assert_close(whole(pixels, 16).mean((2, 3)), normalise(pixels).mean((2, 3)), rtol=0, atol=0.05)
    torch.testing.assert_close(whole(pixels, 32), normalise(pixels), rtol=0, atol=0)


def test_targets_by_hand():
    shares = targets(torch.tensor([1, 0]), 4, 0.2)
    torch.testing.assert_close(shares, torch.tensor([[0.05, 0.85, 0.05, 0.05], [0.85, 0.05, 0.05, 0.05]]))


@pytest.mark.parametrize("way", ["mixup", "cutmix"])
def test_mixing_shares_the_label_as_the_pixels(way):
    """Picture i is filled with i: the mean pixel and the mean class of the mixture must agree."""
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 16, 16).contiguous()
    stage = dataclasses.replace(PLAIN, **{way: 1.0})
    for seed in range(5):
        mixed, shares = mix(images, torch.eye(4), stage, generator(seed))
        torch.testing.assert_close(shares.sum(1), torch.ones(4))
        torch.testing.assert_close(mixed.mean((1, 2, 3)), (shares * torch.arange(4.0)).sum(1), rtol=1e-4, atol=1e-4)
    assert images[1].eq(1).all()
    assert mix(images, torch.eye(4), PLAIN, generator(0))[0] is images


def test_drawn_patches_differ_and_never_repeat():
    kept = draw_patches(50, 16, 8, generator(0))
    assert kept is not None
    assert kept.shape == (50, 8)
    assert all(len(set(row)) == 8 for row in kept.tolist())
    assert set(kept.flatten().tolist()) == set(range(16))
    assert draw_patches(50, 16, 16, generator(0)) is None


def test_a_prepared_part_is_opened(prepared_data):
    dataset = open_dataset(prepared_data / "colours" / "train", CPU)
    pixels, labels = dataset.pick(torch.tensor([0, 17]), CPU)
    assert (len(dataset), dataset.classes) == (18, ("blue", "green", "red"))
    assert (pixels.shape, pixels.dtype) == ((2, 3, 16, 16), torch.float32)
    assert 0 <= pixels.min() < pixels.max() <= 1
    assert [2 - int(i) for i in labels] == pixels.mean((2, 3)).argmax(1).tolist()


def test_a_folder_that_does_not_fit_together_is_refused(tmp_path):
    with pytest.raises(ExplorerError, match="crate-explorer prepare"):
        open_dataset(tmp_path, CPU)
    np.save(tmp_path / "images.npy", np.zeros((2, 8, 8, 3), np.uint8))
    np.save(tmp_path / "labels.npy", np.array([0, 5]))
    (tmp_path / "about.json").write_text(json.dumps({"classes": ["a", "b"]}))
    with pytest.raises(ExplorerError, match="prepare it again"):
        open_dataset(tmp_path, CPU)
