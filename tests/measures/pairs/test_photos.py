"""Two runs on one photo: predictions and attention by hand, against the dense definitions, and through real traces."""

import numpy as np
import pytest
from scipy.special import softmax

from explorer import runtime, zoo
from explorer.measures.pairs import photos
from explorer.measures.pairs.photos import ClassChange, compare_attention, compare_predictions
from explorer.measures.pairs.similarity import cka_map, procrustes_distance
from explorer.measures.pairs.weights import match_atoms, match_heads, weight_changes
from explorer.measures.patches.attention import attention_rows, jensen_shannon
from explorer.measures.patches.grid import Patches, carry_tokens, matching_tokens, patches_of
from explorer.trace import Knobs
from tests.conftest import pixels, prepared

PAIR = Patches(height=4, width=8, patch=4, stride=4)  # one row of two patches
FOUR = Patches(height=16, width=16, patch=8, stride=8)
SIXTEEN = Patches(height=16, width=16, patch=4, stride=4)


def test_prediction_by_hand():
    """Of A's classes cat, dog, owl and B's owl, eel, cat two are shared: p = (¼, ¾), q = (½, ½) of cat and owl."""
    a, b = np.log([0.1, 0.6, 0.3]), np.log([0.3, 0.4, 0.3])
    found = compare_predictions(a, b, ["cat", "dog", "owl"], ["owl", "eel", "cat"])
    assert found.shared == 2
    assert found.divergence == pytest.approx(0.25 * np.log(0.5) + 0.75 * np.log(1.5), rel=1e-12)
    assert [one.name for one in found.classes] == ["owl", "cat"]
    assert [one.probability_a for one in found.classes] == pytest.approx([0.75, 0.25], rel=1e-12)
    assert [one.probability_b for one in found.classes] == pytest.approx([0.5, 0.5], rel=1e-12)
    assert [(one.rank_a, one.rank_b) for one in found.classes] == [(1, 2), (2, 1)]  # B's tie keeps A's order


def test_the_first_of_either_are_shown():
    names = list("abcdefgh")
    a, b = -np.arange(8.0), np.arange(8.0)
    found = compare_predictions(a, b, names, names, top=2)
    assert [(one.name, one.rank_a, one.rank_b) for one in found.classes] == [
        ("a", 1, 8), ("b", 2, 7), ("g", 7, 2), ("h", 8, 1),
    ]  # fmt: skip
    np.testing.assert_allclose([one.probability_b for one in found.classes], softmax(b)[[0, 1, 6, 7]], rtol=1e-12)
    assert len(compare_predictions(a, b, names, names).classes) == 8  # 5 and 5 of 8 classes


def test_the_same_prediction_and_names_in_another_order():
    names, logits = list("abcdefgh"), np.random.default_rng(0).standard_normal(8)
    assert compare_predictions(logits, logits, names, names).divergence == 0
    order = np.random.default_rng(1).permutation(8)
    found = compare_predictions(logits, logits[order] + 3, names, [names[i] for i in order])
    assert (found.shared, len(found.classes)) == (8, 5)
    assert found.divergence == pytest.approx(0, abs=1e-12)
    assert all(one.rank_a == one.rank_b for one in found.classes)


def test_a_name_that_stands_twice_is_matched_in_order():
    found = compare_predictions(np.log([0.5, 0.2, 0.3]), np.log([0.6, 0.4]), ["crane", "crane", "x"], ["crane"] * 2)
    assert found.shared == 2
    assert [one.probability_a for one in found.classes] == pytest.approx([5 / 7, 2 / 7])
    assert [one.probability_b for one in found.classes] == pytest.approx([0.6, 0.4])


def test_one_shared_class_and_none():
    one = compare_predictions(np.array([1.0, 2.0]), np.array([3.0]), ["a", "b"], ["b"])
    assert (one.shared, one.divergence, one.classes) == (1, 0.0, (ClassChange("b", 1.0, 1.0, 1, 1),))
    none = compare_predictions(np.ones(2), np.ones(1), ["a", "b"], ["c"])
    assert (none.shared, none.divergence, none.classes) == (0, None, ())
    with pytest.raises(ValueError, match="expected one score"):
        compare_predictions(np.ones(2), np.ones(1), ["a"], ["a"])


def drawn(patches: Patches, heads: int = 3, scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Query and key of a layer on a grid."""
    tokens = 1 + patches.grid[0] * patches.grid[1]
    query, key = scale * np.random.default_rng(seed).standard_normal((2, heads, tokens, 8))
    return query, key


def of_two_patches(left: float, cls: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Query and key whose every attention gives the left one of two patches this share of what CLS leaves."""
    query = np.zeros((1, 3, 4))
    query[..., 0] = 2.0  # p = 4 halves the logits
    key = np.zeros((1, 3, 4))
    key[0, :, 0] = [cls, np.log(left), np.log(1 - left)]
    return query, key


def entropy(share: float) -> float:
    return -(share * np.log2(share) + (1 - share) * np.log2(1 - share))


def test_attention_by_hand():
    found = compare_attention(of_two_patches(0.25), of_two_patches(0.5, cls=7.0), PAIR, PAIR)
    expected = entropy(0.375) - (entropy(0.25) + 1) / 2
    assert found.cls == pytest.approx(expected, abs=1e-6)
    assert found.patches.shape == (1, 2)
    np.testing.assert_allclose(found.patches, expected, atol=1e-6)
    assert found.mean == pytest.approx(expected, abs=1e-6)


def test_nothing_shared_is_one_bit_and_the_same_run_is_none():
    apart = compare_attention(of_two_patches(1e-30), of_two_patches(1 - 1e-16), PAIR, PAIR)
    assert apart.cls == pytest.approx(1, abs=1e-6)
    a = drawn(SIXTEEN)
    same = compare_attention(a, a, SIXTEEN, SIXTEEN)
    assert (same.cls, same.mean) == (0, 0)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0, 30.0])
@pytest.mark.parametrize("heads", [None, 2, (1, 3)])
def test_attention_equals_the_divergence_of_the_rows(scale, heads):
    a, b = drawn(SIXTEEN, scale=scale), drawn(SIXTEEN, scale=scale, seed=1)
    found = compare_attention(a, b, SIXTEEN, SIXTEEN, heads)
    chosen = [0, 1, 2] if heads is None else [1] if heads == 2 else [0, 2]
    for token in (0, 1, 7, 16):
        rows = [attention_rows(*side, token)[chosen, 1:].mean(axis=0) for side in (a, b)]
        expected = jensen_shannon(np.array([row / row.sum() for row in rows]))
        got = found.patches.ravel()[token - 1] if token else found.cls
        assert got == pytest.approx(expected, abs=1e-5)


def test_every_chunk_gives_the_same(monkeypatch):
    a, b = drawn(SIXTEEN), drawn(FOUR, seed=1)
    whole = compare_attention(a, b, SIXTEEN, FOUR)
    monkeypatch.setattr(photos, "CHUNK", 2 * 3 * 17)  # two queries at a time
    parts = compare_attention(a, b, SIXTEEN, FOUR)
    np.testing.assert_allclose(parts.patches, whole.patches, atol=1e-6)
    assert parts.cls == pytest.approx(whole.cls, abs=1e-6)


def test_heads_that_a_model_lacks_are_left_out():
    a, b = drawn(FOUR, heads=4), drawn(FOUR, heads=2, seed=1)
    first_two = (a[0][:2], a[1][:2])
    some = compare_attention(a, b, FOUR, FOUR, (2, 3, 4))
    assert some.cls == compare_attention((a[0][1:], a[1][1:]), (b[0][1:], b[1][1:]), FOUR, FOUR).cls
    none_left = compare_attention(a, b, FOUR, FOUR, (3, 4))
    assert none_left.cls == compare_attention((a[0][2:], a[1][2:]), b, FOUR, FOUR).cls
    assert none_left.cls != compare_attention(first_two, b, FOUR, FOUR).cls
    assert compare_attention(a, b, FOUR, FOUR, ()).cls == compare_attention(a, b, FOUR, FOUR).cls


@pytest.mark.parametrize("turned", [False, True])
def test_a_run_against_itself_on_an_exact_refinement(turned):
    """Every patch of 8 becomes four of 4 with its tokens: its attention is spread evenly over them."""
    coarse = drawn(FOUR, heads=1, scale=2.0)
    rows = matching_tokens(SIXTEEN, FOUR)[1]
    fine = (coarse[0][:, rows], coarse[1][:, rows])
    runs = [(fine, SIXTEEN), (coarse, FOUR)] if turned else [(coarse, FOUR), (fine, SIXTEEN)]
    found = compare_attention(runs[0][0], runs[1][0], runs[0][1], runs[1][1])
    assert found.patches.shape == runs[0][1].grid
    assert np.abs(found.patches).max() < 1e-6
    assert found.cls < 1e-6


def test_another_grid_by_hand():
    """A holds (¾, ¼) on two patches, so (⅜, ⅜, ⅛, ⅛) on four; B holds (1, 0, 0, 0) there."""
    four = Patches(height=4, width=16, patch=4, stride=4)
    query, key = np.zeros((2, 1, 5, 4))
    query[..., 0], key[0, 2:, 0] = 2.0, -60.0
    found = compare_attention(of_two_patches(0.75), (query, key), PAIR, four)
    rows = np.array([[3 / 8, 3 / 8, 1 / 8, 1 / 8], [1, 0, 0, 0]])
    assert found.cls == pytest.approx(jensen_shannon(rows), abs=1e-6)
    assert found.patches.shape == (1, 2)


def test_the_query_is_the_nearest_patch():
    """B's patches attend each to itself, A's likewise: alike where the places agree, and only there."""

    def to_itself(patches: Patches, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        count = patches.grid[0] * patches.grid[1]
        query, key = np.zeros((2, 1, 1 + count, count))
        query[0, 1:], key[0, 1:] = 60 * np.eye(count)[order], np.eye(count)
        return query, key

    four, same, turned = np.arange(4), np.arange(4), np.array([1, 0, 2, 3])
    twice = Patches(32, 32, 16, 16)
    alike = compare_attention(to_itself(FOUR, four), to_itself(twice, same), FOUR, twice)
    np.testing.assert_allclose(alike.patches, 0, atol=1e-6)
    swapped = compare_attention(to_itself(FOUR, four), to_itself(twice, turned), FOUR, twice)
    np.testing.assert_allclose(swapped.patches, [[1, 1], [0, 0]], atol=1e-5)


def test_it_stays_finite_where_cls_takes_all():
    query, key = drawn(FOUR)
    key[:, 0] = 1e5 * query[:, 0]
    found = compare_attention((query, key), drawn(FOUR, seed=1), FOUR, FOUR)
    assert np.isfinite(found.patches).all()
    assert 0 < found.cls < 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: compare_attention(drawn(FOUR), drawn(FOUR), FOUR, SIXTEEN),
        lambda: compare_attention(drawn(FOUR), (np.ones((1, 5, 2)), np.ones((1, 5, 3))), FOUR, FOUR),
        lambda: compare_attention(drawn(FOUR), drawn(FOUR), FOUR, FOUR, (0,)),
    ],
)
def test_misuse_is_refused(call):
    with pytest.raises(ValueError, match=r"must|do not fit"):
        call()


@pytest.mark.parametrize("family", ["crate", "crate_alpha", "vit"])
@pytest.mark.parametrize("other", ["crate", "vit"])
def test_real_traces_go_through_all_measures(cards, opened, family, other):
    """A tiny model on a photo against another one on a finer grid of the same photo, at every layer."""
    photo = prepared(pixels(1))
    a, b = runtime.run(opened[family], photo), runtime.run(opened[other], photo, knobs=Knobs(stride=2))
    places = patches_of(a, photo), patches_of(b, photo)
    names = [[trace.card.class_name(i) for i in range(3)] for trace in (a, b)]
    assert compare_predictions(a.logits[0], b.logits[0], *names).shared == 3
    for layer in (1, 2):
        found = compare_attention(a.query_key(layer), b.query_key(layer), *places)
        assert found.patches.shape == a.grid
        assert 0 < found.mean < 1
    left = [a.z(layer) for layer in (1, 2, 3)]
    right = [carry_tokens(b.z(layer), places[1], places[0]) for layer in (1, 2, 3)]
    similar = cka_map(left, right)
    assert similar.values.shape == similar.chance.shape == (3, 3)
    assert ((similar.values > 0) & (similar.values <= 1)).all()
    assert 0 <= procrustes_distance(left[2], right[2]) < 2
    for mine, theirs in zip(zoo.layer_weights(cards[family]), zoo.layer_weights(cards[other]), strict=True):
        heads, atoms = (
            match_heads(mine, theirs),
            match_atoms(mine, theirs),
        )
        assert heads is not None
        assert len(heads.pairs) == 2
        assert (atoms is None) == ("vit" in (family, other))
        if family == other:
            np.testing.assert_allclose(heads.matched, 1, rtol=1e-6)
    tensors = [zoo.load_weights(cards[one], cards[one].init) for one in (family, other)]
    changes = weight_changes(*tensors)
    assert len(changes.tensors) + len(changes.only_a) + len(changes.reshaped) == len(tensors[0])
    assert all(one.relative == 0 for one in changes.tensors) == (family == other)
