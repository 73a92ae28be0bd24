"""Heads, accounts, headlines and answers in words."""

import numpy as np
import pytest

from explorer import figures, verdicts

RATE = figures.RATE_LABEL
NET = np.array([1.0, 2, 3, 0.04, -3, -4, -16.8, -2])


def test_the_heads_of_a_layer_with_a_tie():
    said = verdicts.heads(np.array([1.0, 5, 5, 2]), np.array([3.0, 3, 5, 3]), label=RATE, share=True)
    assert said == (
        "Most in heads 2 and 3 (5.0 nats, 38 % of the sum), least in head 1 (1.0 nats); "
        "2 of 4 below the control's, 1 of 4 above them"
    )


@pytest.mark.parametrize(
    ("values", "control", "said"),
    [
        ([2.0, 2.01], None, "All heads alike, at 2.0 nats"),
        ([2.0], [2.0], "One head: 2.0 nats; level with the control's"),
        (
            [1.0, 3.0],
            [5.0, 6.0],
            "Most in head 2 (3.0 nats), least in head 1 (1.0 nats); every head below the control's",
        ),
        ([np.nan, np.nan], None, verdicts.NOTHING),
    ],
)
def test_heads_at_the_edges(values, control, said):
    found = verdicts.heads(np.array(values), None if control is None else np.array(control), label=RATE)
    assert found == said


def test_the_biggest_slice():
    assert verdicts.biggest_slice(np.array([[1.0, 1.0], [3.0, 1.0]])) == "largest slice: head 1 of layer 2 (75 %)"
    assert verdicts.biggest_slice(np.array([[1.0], [2.0]])) == ""
    assert verdicts.biggest_slice(np.zeros((2, 2))) == ""


def test_the_most_coherent_subspaces():
    angles = [np.full((3, 3), 60.0), np.array([[0.0, 70, 13], [70, 0, 90], [13, 90, 0]])]
    said = verdicts.nearest_pair(angles, [np.full((3, 3), 25.0)])
    assert said == "Most coherent: layer 2, heads 1 and 3 (13°); the control's nearest 25°"
    assert verdicts.nearest_pair(angles[:1], first=4) == "Most coherent: layer 4, heads 1 and 2 (60°)"  # all tie
    assert verdicts.nearest_pair([np.zeros((1, 1))]).startswith("one head")


def test_spectra_and_distances():
    spectra = np.array([[4.0, 2, 1], [3.0, 3, 3]])
    assert verdicts.steepest(spectra, np.array([[1.5, 1, 1]])) == (
        "Steepest: head 1, its first direction 2.0 times its median one; the control's at most 1.5"
    )
    assert verdicts.steepest(np.zeros((2, 3))) == verdicts.NOTHING
    assert verdicts.farthest(np.array([[1.0, 4], [1, 9]]), np.array([1.0, 3]), np.array([[1.0, 3]])) == (
        "Farthest out: a token in head 2, 3.0 times as far as a Gaussian's farthest; the control's at most 1.0 times"
    )


def test_a_ranking():
    said = verdicts.ranking(["a", "b", "c"], np.array([0.4, 0.4, 0.001]), figures.DIVERGENCE_LABEL)
    assert said == "Most: a and b (0.4 nats); 1 of 3 next to nothing"


def test_one_number_beside_the_control():
    where = {"label": figures.BITS_LABEL, "where": "At ε² = 0.01"}
    assert verdicts.at_one(3.2, 4.0, **where) == "At ε² = 0.01: 3.20 bits, below the control (4.00 bits)"
    assert verdicts.at_one(3.2, 3.2, **where) == "At ε² = 0.01: 3.20 bits, level with the control (3.20 bits)"
    assert verdicts.at_one(3.2, None, **where) == "At ε² = 0.01: 3.20 bits"


def test_which_layers_lower_the_objective():
    options = {"what": "the objective", "better": verdicts.HIGHER, "label": figures.OBJECTIVE_LABEL}
    assert verdicts.net_change(NET, np.array([0.04, -0.04, -1, 1, 1, 1, 1, 1]), **options) == (
        "Lower the objective: layers 5–8, most of all 7 (−16.8 nats); in the control: layer 3"
    )
    np.testing.assert_array_equal(np.flatnonzero(verdicts.losses(NET, 1, figures.OBJECTIVE_LABEL)), [4, 5, 6, 7])
    assert verdicts.net_change(NET[:4], NET[:4], **options) == (
        "No layer lowers the objective (nearest to it: layer 4, +0.0 nats); in the control: none"
    )
    assert verdicts.net_change(NET[4:5], None, **options) == "Lowers the objective: layer 1 (−3.0 nats)"
    assert verdicts.net_change(np.array([np.nan]), None, **options) == verdicts.NOTHING


def test_what_should_fall_is_a_loss_where_it_rises():
    said = verdicts.net_change(NET, None, what="Rᶜ", better=verdicts.LOWER, label=RATE)
    assert said == "Raise Rᶜ: layers 1–3, most of all 3 (+3.0 nats)"


def test_the_headline_for_what_is_in_view():
    shares = (np.array([0.26, 0.45]), np.array([0.27, 0.49]))
    assert verdicts.as_derived(("MSSA", "ISTA"), (1, 5), 6, shares, "this text") == (
        "MSSA lowers Rᶜ in 1 of 6 layers of this text (control: 5); ISTA leaves 26–45 % of the entries non-zero "
        "(control: 27–49 %)"
    )
    said = verdicts.as_derived(("MHSA", "MLP"), (2, 2), 6, None, "this photo")
    assert said == "MHSA lowers Rᶜ in 2 of 6 layers of this photo (control: 2); MLP sets no entry to zero"


@pytest.mark.parametrize(
    ("active", "word"), [([347, 300, 360], "dense"), ([38, 38], "sparse"), ([39], "neither sparse nor dense")]
)
def test_codes_are_sparse_or_dense_by_their_median(active, word):
    said = verdicts.used_codes(np.array(active), 768, np.array([384]))
    assert said.endswith(f"(control: 50 %): {word}")
    assert verdicts.used_codes(np.array([]), 768) == verdicts.NOTHING


@pytest.mark.parametrize(
    ("label", "shares", "said"),
    [
        ("panda", [0.1, 0.45, 0.45], "panda ✗ 10 %, English springer 45 %"),  # the first of two that tie
        ("Water_lilly", [0.1, 0.1, 0.8], "Water_lilly ✓ 80 %"),
        ("coffee", [0.6, 0.4, 0.0], "coffee: none of the model's 3 classes has that name; it says panda 60 %"),
        ("", [0.6, 0.4, 0.0], "panda 60 %"),
    ],
)
def test_a_prediction_beside_the_label(label, shares, said):
    assert verdicts.answer(label, ("panda", "English springer", "water lilly"), np.array(shares)) == said


def test_a_model_without_names_for_its_classes():
    assert verdicts.answer("panda", (), np.array([0.2, 0.8])) == (
        "panda: the model says class 1 80 %, and its classes have no names"
    )


def test_measured_results_are_apart_where_their_intervals_are():
    own = {"top-1": (0.78, 0.77, 0.79), "top-5": (0.94, 0.93, 0.95), "a guess": (0.3, 0.1, 0.5)}
    control = {"top-1": (0.004, 0.002, 0.006), "top-5": (0.02, 0.017, 0.025), "a guess": (0.2, 0.1, 0.3)}
    assert verdicts.results(own, control, figures.ACCURACY_LABEL) == (
        "Above the control: top-1 and top-5; level with the control: a guess"
    )
    one = {"top-1": own["top-1"]}
    assert verdicts.results(one, control, figures.ACCURACY_LABEL) == "Top-1: 78.0 %, above the control (0.4 %)"
    assert verdicts.results(one, {}, figures.ACCURACY_LABEL) == ""
    assert verdicts.results(control, own, figures.ACCURACY_LABEL).startswith("Below the control: top-1 and top-5")


def test_differences_leave_zero_out_or_do_not():
    found = {"attention": (0.1, 0.05, 0.15), "MaskCut": (-0.1, -0.15, -0.05), "PCA": (0.02, -0.1, 0.1)}
    assert verdicts.differences(found, figures.CORLOC_LABEL) == (
        "Above 0: attention; below 0: MaskCut; not to be told from 0: PCA"
    )
    many = dict.fromkeys("abcde", (0.1, 0.05, 0.15))
    assert verdicts.differences(many, figures.CORLOC_LABEL) == "Above 0: all 5"
    assert verdicts.differences(many | {"f": (0.0, 0.0, 0.0)}, figures.CORLOC_LABEL).startswith(
        "Above 0: a, b, c and 2 more"
    )
    assert verdicts.differences({}, figures.CORLOC_LABEL) == verdicts.NOTHING
    others = {"gpt": (0.3, 0.2, 0.4), "unigram": (-2.0, -2.1, -1.9), "trigram": (0.2, 0.1, 0.3)}
    assert verdicts.differences(others, figures.CROSS_ENTROPY_LABEL, from_named=True) == (
        "Above gpt and trigram; below unigram"
    )
