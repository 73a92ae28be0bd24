"""The vocabulary: the card's way into the file and back, knobs as cache keys, the patch grid, the names of points."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from explorer.card import SCHEMA, ModelCard, Preprocessing
from explorer.errors import ExplorerError
from explorer.trace import Knobs, Trace, patch_grid, read_only, trace_points

FILE = Path("tiny.onnx")
CARD = ModelCard(
    name="tiny", family="crate", modality="image", layers=2, heads=2, dim=8, head_dim=4, patch=4, image_size=12,
    eta=(0.1, 0.2), lam=(0.3, 0.4), classes=("cat", "Käfer", "犬"),
    preprocessing=Preprocessing((0.1, 0.2, 0.3), (1.0, 2.0, 3.0), 14, 12, "bicubic"), parameters=1099,
    norm_eps=1e-6, weights={"subspaces": "l.{l}.w"}, init={"l.0.w": {"uniform": 0.3}},
    provenance={"file": "tiny.pth", "epoch": 3}, measured={"top1": 66.5}, parity={"max_abs_error": 1e-6},
)  # fmt: skip


def read(values: object) -> ModelCard:
    text = values if isinstance(values, str) else json.dumps(values)
    return ModelCard.from_metadata(text, FILE, "0" * 64, 123)


def metadata(**changes) -> dict:
    return json.loads(CARD.to_metadata()) | changes


def differences(values: object) -> str:
    """What a broken card changes, for the name of its test."""
    if not isinstance(values, dict):
        return str(values)
    return str({k: v for k, v in values.items() if v != metadata().get(k)} or "a field is missing")


def test_round_trip():
    back = read(CARD.to_metadata())
    assert back == dataclasses.replace(CARD, path=FILE, sha256="0" * 64, size_bytes=123)
    assert back.to_metadata() == CARD.to_metadata()


def test_path_digest_and_size_stay_out_of_the_file():
    kept = json.loads(dataclasses.replace(CARD, path=Path("/home/someone/x.onnx"), sha256="ab").to_metadata())
    assert not {"path", "sha256", "size_bytes"} & set(kept)
    assert kept["schema"] == SCHEMA


def test_the_name_is_that_of_the_file():
    """A renamed or hostile file cannot pass for another model, nor bring a path as its name."""
    assert read(metadata(name="../../evil")).name == "tiny"


@pytest.mark.parametrize(
    "values",
    [
        "{", "", "[" * 100_000, [], None, 3, {}, metadata(schema=2), metadata(schema="1"), metadata(schema=None),
        metadata(surprise=1), metadata(path="/etc/passwd"), metadata(sha256="f" * 64),
        {k: v for k, v in metadata().items() if k != "layers"},
        {k: v for k, v in metadata().items() if k != "preprocessing"},
        metadata(preprocessing=None), metadata(preprocessing=[1]), metadata(preprocessing={"means": [0, 0, 0]}),
        metadata(layers=0), metadata(layers=-1), metadata(layers="2"), metadata(layers=2.0), metadata(layers=10**9),
        metadata(heads=None), metadata(dim=0), metadata(patch=[]), metadata(image_size=1 << 20),
        metadata(family=3), metadata(modality=None), metadata(eta=0.1), metadata(lam=None), metadata(classes=7),
    ],
    ids=lambda v: differences(v)[:40],
)  # fmt: skip
def test_broken_card(values):
    with pytest.raises(ExplorerError) as caught:
        read(values)
    assert str(caught.value).startswith("tiny.onnx: ")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"eta": [], "lam": []}, "eta"),  # a CRATE thresholds
        ({"family": "vit"}, "eta"),  # a ViT does not
        ({"family": "gpt", "eta": [], "lam": []}, "modality"),
        ({"family": "unheard-of"}, "family='unheard-of'"),
    ],
)
def test_a_card_that_its_family_contradicts(changes, named):
    with pytest.raises(ExplorerError, match=f"impossible values: .*{named}"):
        read(metadata(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"eta": [0.1]}, {"lam": [0.1] * 3}, {"eta": "ab"}, {"eta": [0.1, "x"]}, {"lam": [None, None]},
        {"eta": [float("nan"), 0.1]}, {"classes": "abc"}, {"classes": [1, 2, 3]}, {"weights": []}, {"init": "x"},
        {"preprocessing": {"mean": [0.5]}}, {"preprocessing": {"std": [0, 0, 0]}}, {"preprocessing": {"mean": "abc"}},
        {"preprocessing": {"resize": 10**9}}, {"preprocessing": {"crop": "12"}},
        {"preprocessing": {"interpolation": "nearest-ish"}},
        {"codes_dim": "many"}, {"codes_dim": -1}, {"norm_eps": "small"}, {"parameters": "lots"}, {"head_dim": True},
    ],
    ids=str,
)  # fmt: skip
def test_values_that_later_rooms_would_trip_over(changes):
    """An .onnx file can be uploaded, so its card is as untrusted as its graph: a sentence, not a traceback later."""
    with pytest.raises(ExplorerError) as caught:
        read(metadata(**changes))
    assert str(caught.value).startswith("tiny.onnx: ")


@pytest.mark.parametrize(
    ("family", "label", "subspaces"),
    [("crate", "CRATE", True), ("crate_alpha", "CRATE-α", True), ("vit", "ViT", False)],
)
def test_what_a_family_has(family, label, subspaces):
    card = dataclasses.replace(CARD, family=family)
    assert (card.family_label, card.has_subspaces) == (label, subspaces)
    assert card.has_ista
    assert not dataclasses.replace(card, eta=(), lam=()).has_ista


ONES = np.ones((2, 2), np.float32)
TURNED = {
    "as trained": Knobs(),
    "gain": Knobs(mssa_gain=ONES),
    "another gain": Knobs(mssa_gain=2 * ONES),
    "gain of another shape": Knobs(mssa_gain=np.ones((1, 4), np.float32)),
    "gain of two images": Knobs(mssa_gain=np.ones((4, 2), np.float32)),
    "lambda": Knobs(ista_lambda=ONES[0]),
    "eta": Knobs(ista_eta=ONES[0]),
    "lambda and eta": Knobs(ista_lambda=ONES[0], ista_eta=ONES[0]),
    "one entry": Knobs(ista_eta=np.array([1, 1.0001], np.float32)),
    "stride": Knobs(stride=3),
    "another stride": Knobs(stride=4),
    "stride and gain": Knobs(mssa_gain=ONES, stride=4),
}


def test_digest_changes_with_every_field():
    digests = [knobs.digest() for knobs in TURNED.values()]
    assert len(set(digests)) == len(TURNED)
    assert all(len(d) == 64 for d in digests)


def test_digest_is_the_same_for_the_same_feeds():
    assert Knobs(mssa_gain=ONES).digest() == Knobs(mssa_gain=np.ones((2, 2))).digest()
    gain = np.asfortranarray(np.arange(4, dtype=np.float32).reshape(2, 2))
    assert Knobs(mssa_gain=gain).digest() == Knobs(mssa_gain=np.ascontiguousarray(gain)).digest()


def test_feeds_hold_only_what_was_turned():
    assert Knobs().feeds() == {}
    feeds = Knobs(mssa_gain=np.ones((2, 2)), stride=3).feeds()
    assert {name: (v.dtype, v.shape) for name, v in feeds.items()} == {
        "mssa_gain": (np.float32, (2, 2)), "stride": (np.int64, ()),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("height", "width", "patch", "stride", "grid"),
    [
        (224, 224, 16, 16, (14, 14)), (224, 224, 16, 8, (27, 27)), (224, 224, 16, 2, (105, 105)),
        (12, 20, 4, 4, (3, 5)), (12, 20, 4, 3, (3, 6)), (4, 4, 4, 1, (1, 1)), (7, 5, 4, 4, (1, 1)),
        (7, 5, 4, 1, (4, 2)),
    ],
)  # fmt: skip
def test_patch_grid(height, width, patch, stride, grid):
    assert patch_grid(height, width, patch, stride) == grid


def test_names_of_trace_points():
    assert list(trace_points(CARD)) == ["z.1", "subspace.1", "z_half.1", "z.2", "subspace.2", "z_half.2", "z.3"]
    alpha = dataclasses.replace(CARD, family="crate_alpha", codes_dim=32, layers=1)
    assert list(trace_points(alpha)) == ["z.1", "subspace.1", "z_half.1", "codes.1", "z.2"]
    vit = dataclasses.replace(CARD, family="vit", layers=1, eta=(), lam=())
    assert list(trace_points(vit)) == ["z.1", "query.1", "key.1", "z_half.1", "z.2"]


def numbered(card: ModelCard) -> Trace:
    """A trace whose points are their own place in the list, for two images."""
    points = {name: np.array([[i], [100 + i]]) for i, name in enumerate(["logits", *trace_points(card)])}
    return Trace(card, points, (1, 1), 4)


def test_trace_finds_layer_and_image():
    trace = numbered(CARD)  # logits 0, z.1 1, subspace.1 2, z_half.1 3, z.2 4, subspace.2 5, z_half.2 6, z.3 7
    assert [int(a[0]) for a in (trace.z(1), trace.z(3), trace.z_half(2), trace.projections(2))] == [1, 7, 6, 5]
    assert int(trace.z(2, image=1)[0]) == 104
    query, key = trace.query_key(1)
    assert query is key
    assert int(trace.codes(1)[0]) == 4  # no overcomplete dictionary: Z²
    assert trace.logits.shape == (2, 1)


def test_trace_of_the_other_families():
    alpha = numbered(dataclasses.replace(CARD, family="crate_alpha", codes_dim=32))
    assert int(alpha.codes(1)[0]) == list(trace_points(alpha.card)).index("codes.1") + 1
    vit = numbered(dataclasses.replace(CARD, family="vit"))
    query, key = vit.query_key(2)
    assert (int(query[0]), int(key[0])) == (6, 7)
    assert int(vit.projections(2)[0]) == 7  # the keys


def test_read_only_locks_the_array():
    array = np.zeros(3)
    assert read_only(array) is array
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
