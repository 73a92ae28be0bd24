"""The command line as a script sees it: files, JSON, exit codes."""

import argparse
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from explorer import cli, zoo
from explorer.inputs.gallery import gallery_photo
from explorer.measures.pairs.weights import match_heads
from explorer.measures.patches.methods import Segments
from explorer.measures.rates.ledger import Balance, LayerLedger, half_steps
from explorer.studies.layers import POSITIONS, mean_books
from explorer.tables import csv_text, label_image, ledger_rows, segment_rows
from tests.conftest import pixels

PHOTO = str(gallery_photo("kangaroo").path)


def run(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of crate-explorer with these arguments."""
    monkeypatch.setattr(sys, "argv", ["crate-explorer", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out = capsys.readouterr()
    return ended.value.code or 0, out.out, out.err


def account(parts: float) -> Balance:
    """A balance of R = 10 and this R^c."""
    return Balance(10.0, np.array([parts]), 0, 0.0)


@pytest.fixture
def command(monkeypatch, capsys, cards):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(cards["crate"].path.parent))
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


def test_models_as_json_name_every_model_of_the_zoo(command, cards):
    code, out, _ = command("models", "--json")
    models = {model["name"]: model for model in json.loads(out)["models"]}
    assert code == 0
    assert models["crate"]["family"] == "crate"
    assert models["crate"]["modality"] == "image"
    assert models["crate"]["lambda"] == list(cards["crate"].lam)
    assert models["crate"]["parity"]["max_abs_error"] < 1e-4


def test_trace_writes_the_named_points_with_the_batch_axis(command, tmp_path, cards):
    np.save(tmp_path / "x.npy", pixels(3))
    code, _, err = command("trace", "crate", tmp_path / "x.npy", "-o", tmp_path / "t.npz", "--points", "z.1,subspace.2")
    assert (code, err) == (0, "")
    with np.load(tmp_path / "t.npz") as arrays:
        assert set(arrays) == {"logits", "z.1", "subspace.2"}
        assert arrays["subspace.2"].shape == (3, 2, 10, 4)
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_the_gpu_does_not_hold_is_said_aloud(command, stand_in_gpu, tmp_path, modules):
    from tests.conftest import torch_points

    np.save(tmp_path / "x.npy", pixels(1))
    code, _, err = command("trace", "crate", tmp_path / "x.npy", "-o", tmp_path / "t.npz")
    assert (code, err) == (
        0, "warning: crate ran on the CPU: the GPU's memory does not hold a run of 10 tokens.\n"
    )  # fmt: skip
    with np.load(tmp_path / "t.npz") as arrays:
        np.testing.assert_allclose(
            arrays["z.3"], torch_points(modules["crate"], pixels(1))["z.3"], rtol=1e-4, atol=1e-5
        )


def test_knobs_of_the_command_line_reach_the_graph(command, tmp_path, modules):
    from tests.conftest import torch_points

    np.save(tmp_path / "x.npy", pixels(1))
    knobs = ["--mssa-gain", "2:1=0.5", "--ista-lambda", "0.3", "--ista-eta", "2=0.05", "--stride", "2"]
    code, _, _ = command("trace", "crate", tmp_path / "x.npy", "-o", tmp_path / "t.npz", *knobs)
    gain = np.array([[1, 1], [0.5, 1]], np.float32)
    lam, eta = np.array([0.3, 0.3], np.float32), np.array([0.1, 0.05], np.float32)
    expected = torch_points(modules["crate"], pixels(1), mssa_gain=gain, ista_lambda=lam, ista_eta=eta, stride=2)
    assert code == 0
    with np.load(tmp_path / "t.npz") as arrays:
        for name, value in expected.items():
            np.testing.assert_allclose(arrays[name], value, rtol=0, atol=1e-5)


def test_measure_as_json_adds_up_and_has_its_control(command):
    code, out, _ = command("measure", "crate", PHOTO, "--json")
    values = json.loads(out)
    assert code == 0
    assert [row["layer"] for row in values["layers"]] == [1, 2]
    for row in (*values["layers"], *values["control"]):
        assert sum(row["per_head"]) == pytest.approx(row["subspace_coding_rate"], rel=1e-12)
        assert sum(row["per_head_official"]) == pytest.approx(row["subspace_coding_rate_official"], rel=1e-12)
        assert 0 <= row["nonzero_fraction"] <= 1
        assert set(POSITIONS) <= set(row)
    assert values["layers"] != values["control"]


def test_measure_of_a_batch_is_the_mean_of_its_images(command, tmp_path):
    for i, name in enumerate(("a", "b")):
        np.save(tmp_path / f"{name}.npy", pixels(2)[i : i + 1])
    np.save(tmp_path / "both.npy", pixels(2))
    a, b, both = (
        json.loads(command("measure", "crate", tmp_path / f"{n}.npy", "--json")[1])["layers"][0]
        for n in ("a", "b", "both")
    )
    assert both["coding_rate"] == pytest.approx((a["coding_rate"] + b["coding_rate"]) / 2, rel=1e-9)
    assert both["std"]["l1"] == pytest.approx(abs(a["l1"] - b["l1"]) / 2**0.5, rel=1e-6)


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_ledger_as_json_adds_up_and_has_its_control(command, model):
    code, out, _ = command("ledger", model, PHOTO, "--price", "0.01", "--eps-squared", "0.1", "--json")
    values = json.loads(out)
    assert code == 0
    assert (values["price"], values["eps_squared"]) == (0.01, 0.1)
    assert values["trained"] != values["control"]
    for part in (values["trained"], values["control"]):
        assert [(step["layer"], step["name"]) for step in part["steps"]] == [
            (layer, name) for layer in (1, 2) for name in ("compress", "sparsify")
        ]
        whole = part["books"][-1]["after"]["objective"] - part["books"][0]["before"]["objective"]
        moved = sum(step["objective"] for step in part["steps"]) + sum(part["revaluations"])
        assert moved == pytest.approx(whole, rel=1e-9, abs=1e-9)
        for of_layer in part["books"]:
            assert sum(of_layer["half"]["per_head"]) == pytest.approx(of_layer["half"]["subspace_coding_rate"])
        for fit in part["fit"]:
            assert -1 <= fit["gradient"] <= 1
            assert (fit["proximal"] is None) == (fit["operator"] is None) == (model == "vit")


def test_ledger_prints_a_line_for_each_half_step_and_layer(command):
    code, out, _ = command("ledger", "crate", PHOTO)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines() if line[:3].strip(" ").isdigit() or "½" in line[:5]] == [
        "1", "1½", "2", "2½", "1", "2",
    ]  # fmt: skip


def test_ledger_of_a_batch_is_the_mean_of_its_images(command, tmp_path):
    for name, chosen in (("a", [0]), ("b", [1]), ("both", [0, 1])):
        np.save(tmp_path / f"{name}.npy", pixels(2)[chosen])
    a, b, both = (
        json.loads(command("ledger", "crate", tmp_path / f"{n}.npy", "--json")[1])["trained"]
        for n in ("a", "b", "both")
    )
    for i, step in enumerate(both["steps"]):
        for key in ("objective", "l0", "coding_rate"):
            assert step[key] == pytest.approx((a["steps"][i][key] + b["steps"][i][key]) / 2, rel=1e-6, abs=1e-6)
    assert both["fit"][1]["proximal"] == pytest.approx((a["fit"][1]["proximal"] + b["fit"][1]["proximal"]) / 2)


def test_ablate_as_json_ranks_every_head(command):
    code, out, err = command("ablate", "crate", PHOTO, "--json")
    values = json.loads(out)
    assert (code, err) == (0, "")
    assert sorted((row["layer"], row["head"]) for row in values["heads"]) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    divergences = [row["kl_nats"] for row in values["heads"]]
    assert divergences == sorted(divergences, reverse=True)
    assert min(divergences) >= 0
    assert set(values["measures"]) == set(values["heads"][0]) - {"layer", "head"}
    for row in values["heads"]:
        assert -1 <= row["top1_change"] <= 1
        assert 0 <= row["mask_change"] <= 1


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
def test_ablate_prints_a_table_of_one_layer(command, model):
    code, out, _ = command("ablate", model, PHOTO, "--layer", "2", "--size", "24", "--stride", "2")
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert code == 0
    assert [line[0] for line in lines[2:]] == ["2", "2"]
    assert {line[1] for line in lines[2:]} == {"1", "2"}


def test_ablate_takes_one_picture(command, tmp_path):
    np.save(tmp_path / "x.npy", pixels(2))
    code, _, err = command("ablate", "crate", tmp_path / "x.npy")
    assert code == 2
    assert "one picture" in err


@pytest.mark.parametrize("method", ["attention", "maskcut", "pca", "kmeans", "subspace"])
@pytest.mark.parametrize(
    ("options", "side"), [(("--edges", "patches"), 24), (("--edges", "photo"), 456), (("--overlay",), 456)]
)
def test_segment_writes_a_picture_of_the_input_or_of_the_photo(command, tmp_path, method, options, side):
    """With the photo's edges it is the photo as shown: 448 pixels or more, a multiple of the input's 24. Attention
    keeps the patches, of which its rule takes a share."""
    out = tmp_path / "s.png"
    code, _, err = command(
        "segment", "crate", PHOTO, "-o", out, "--method", method, "--size", "24", "--stride", "2", *options
    )
    assert code == 0
    assert "Error" not in err
    side = 24 if method == "attention" and options == ("--overlay",) else side
    with Image.open(out) as picture:
        assert picture.size == (side, side)
        if method != "pca" and "--overlay" not in options:
            assert picture.mode == "P"


def test_segment_says_how_many_objects_it_found(command, tmp_path):
    out = tmp_path / "s.png"
    _, _, err = command("segment", "crate", PHOTO, "-o", out, "--method", "maskcut", "--objects", "10", "--size", "24")
    found = np.asarray(Image.open(out)).max()
    assert err == f"note: MaskCut found {found} of at most 10 objects.\n"


def test_an_array_has_no_edges_of_a_photo(command, tmp_path):
    np.save(tmp_path / "x.npy", pixels(1))
    code, _, err = command("segment", "crate", tmp_path / "x.npy", "-o", tmp_path / "s.png", "--edges", "photo")
    assert code == 2
    assert "no picture" in err


def test_attention_keeps_the_share_of_patches_that_is_asked_for(command, tmp_path):
    out = tmp_path / "s.png"
    command("segment", "crate", PHOTO, "-o", out, "--rule", "entries", "--keep", "0.25", "--size", "16")
    assert (np.asarray(Image.open(out)) > 0).mean() == 0.25  # 16 patches, 4 kept


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["measure", "nothing", PHOTO], "The zoo has no model nothing"),
        (["measure", "../crate", PHOTO], "not a file"),
        (["measure", "crate", "no.jpg"], "does not exist"),
        (["measure", "crate", "quagga"], "The gallery has no photo 'quagga'"),
        (["measure", "crate", PHOTO, "--size", "13"], "multiple"),
        (["measure", "crate", PHOTO, "--stride", "9"], "Stride 9"),
        (["trace", "crate", PHOTO, "-o", "/no/such/folder/t.npz"], "cannot be written"),
        (["trace", "crate", PHOTO, "-o", "t.npz", "--points", "z.99"], "no trace point z.99"),
        (["trace", "crate", PHOTO, "-o", "t.npz", "--mssa-gain", "9:1=0"], "layers 1–2"),
        (["trace", "crate", PHOTO, "-o", "t.npz", "--mssa-gain", "1:x"], "L:K=V"),
        (["trace", "crate", PHOTO, "-o", "t.npz", "--ista-lambda", "much"], "should be a number"),
        (["trace", "vit", PHOTO, "-o", "t.npz", "--ista-lambda", "0.2"], "ViT"),
        (["ledger", "crate", PHOTO, "--lambda", "-1"], "0 or more"),
        (["ledger", "crate", PHOTO, "--eps-squared", "0"], "above 0"),
        (["ledger", "crate", PHOTO, "--eps-squared", "nan"], "above 0"),
        (["segment", "crate", PHOTO, "-o", "s.png", "--method", "guess"], "There is no method guess"),
        (["segment", "crate", PHOTO, "-o", "s.png", "--keep", "1.5"], "between 0 and 1"),
        (["segment", "crate", PHOTO, "-o", "s.png", "--layer", "3"], "no layer 3"),
        (["segment", "crate", PHOTO, "-o", "s.png", "--head", "3"], "no head 3"),
        (["ablate", "crate", PHOTO, "--layer", "3"], "no layer 3"),
        (["ablate", "crate", PHOTO, "--stride", "9"], "Stride 9"),
        (["import", "no.pth"], "not a file"),
        (["import", "hub:incomplete"], "OWNER/NAME/PATH"),
    ],
)
def test_what_a_user_can_fix_is_one_line_and_exit_2(command, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    code, out, err = command(*arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert sentence in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_import_installs_into_the_folder_and_prints_its_progress(command, tmp_path, checkpoints, quick_reader):
    arguments = ("--name", "mine", "--heads", "2", "--out", tmp_path / "zoo", "--progress-json")
    code, out, _ = command("import", checkpoints["crate.pth.tar"], *arguments)
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert lines[-1] == {"installed": "mine"}
    shares = [line["share"] for line in lines[:-1]]
    assert shares == sorted(shares)
    assert [path.name for path in (tmp_path / "zoo").iterdir()] == ["mine.onnx"]


@pytest.fixture
def two_sets(modules, tmp_path) -> Path:
    """A checkpoint with plain weights, an average and a projection head."""
    state = modules["vit"].state_dict()
    average = {name: tensor + 1 for name, tensor in state.items()} | {"head.mlp.0.weight": torch.ones(2)}
    torch.save({"epoch": 4, "args": argparse.Namespace(), "model": state, "model_ema": average}, tmp_path / "two.pth")
    return tmp_path / "two.pth"


def test_inspect_lists_what_a_checkpoint_holds(command, two_sets, quick_reader, modules):
    code, out, _ = command("inspect", two_sets)
    assert code == 0
    for words in ("model ", "model_ema", "ViT", "an average", "taken by default", "epoch 4", "argparse.Namespace"):
        assert words in out
    found = json.loads(command("inspect", two_sets, "--json")[1])
    numbers = sum(tensor.numel() for tensor in modules["vit"].state_dict().values())
    assert [(one["name"], one["numbers"], one["average"]) for one in found["sets"]] == [
        ("model", numbers, False), ("model_ema", numbers, True),
    ]  # fmt: skip


def test_import_takes_the_plain_weights_and_says_what_else_is_there(command, two_sets, tmp_path, quick_reader, modules):
    options = ("--heads", "2", "--out", tmp_path / "zoo", "--name")
    _, said, _ = command("import", two_sets, *options, "plain")
    assert "model was taken; the file holds model_ema (an average), too: --weights picks another." in said
    _, said, _ = command("import", two_sets, *options, "average", "--weights", "ema")
    assert "model_ema was taken; the file holds model, too" in said
    assert "Left out, as the network does not read them: head.mlp.0.weight." in said
    plain, average = (zoo.load_weights(zoo.read_card(tmp_path / "zoo" / f"{name}.onnx"), ["pos_embed"])["pos_embed"]
                      for name in ("plain", "average"))  # fmt: skip
    np.testing.assert_array_equal(plain, modules["vit"].state_dict()["pos_embed"].numpy())
    np.testing.assert_array_equal(average, plain + 1)


def test_an_exported_model_installs_elsewhere_after_a_first_run_in_a_child(command, tmp_path, cards):
    code, _, _ = command("import", cards["vit"].path, "--name", "copy", "--out", tmp_path)
    assert code == 0
    assert zoo.read_card(tmp_path / "copy.onnx").sha256 == cards["vit"].sha256


def test_bench_gives_ratios_of_one_run(command):
    code, out, _ = command("bench", "crate", "--stride", "2", "--json")
    (bench,) = json.loads(out)["benches"]
    plain, traced, eager = bench["timings"]
    assert code == 0
    assert plain["ratio"] == 1
    assert min(traced["ratio"], eager["ratio"]) > 0
    tokens, d, layers = 26, 8, 2  # 2 operations for each of U, W, D − DᵀD (d² a token) and U Uᵀ, A U (Nd a token)
    assert bench["tokens"] == tokens
    assert bench["operations"] == 2 * layers * tokens * (3 * d * d + 2 * tokens * d)
    assert bench["product_gflops"] == pytest.approx(2 * 1024**3 / bench["product_ms"] / 1e6)
    for one in (plain, traced, eager):
        rate = bench["operations"] / one["median_ms"] / 1e6
        assert one["share"] == pytest.approx(rate / bench["product_gflops"])


def test_bench_shows_the_share_of_the_machine(command):
    code, out, _ = command("bench", "crate", "--stride", "4")
    assert code == 0
    assert out.count("the machine's matrix product") == 1
    assert "100%" in out


def test_the_installed_command_starts():
    done = subprocess.run(
        [sys.executable, "-m", "explorer.cli", "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0
    assert "segment" in done.stdout


def test_csv_text_disarms_formulas():
    rows = [{"name": "=1+1", "value": -2.5}, {"name": "fine, or not", "value": 1}]
    assert list(csv.reader(io.StringIO(csv_text(rows)))) == [
        ["name", "value"],
        ["'=1+1", "-2.5"],
        ["fine, or not", "1"],
    ]


def test_ledger_rows_name_what_got_worse():
    books = [LayerLedger(1, account(5.0), account(6.0), account(6.0))]
    rows = ledger_rows(half_steps(books, 0.0), half_steps(books, 0.0))
    assert [(row["from"], row["step"], row["worse"]) for row in rows] == [
        ("1", "compress", "R^c rose; objective fell"),
        ("1+1/2", "sparsify", ""),
    ]
    assert (rows[0]["objective"], rows[0]["objective_control"], rows[0]["lasso"]) == (-1.0, -1.0, None)


def test_books_of_several_images_are_averaged_number_by_number():
    one, other = (LayerLedger(3, account(a), account(b), account(1.0), 2.0, a) for a, b in ((1.0, 2.0), (5.0, 8.0)))
    (mean,) = mean_books([[one], [other]])
    assert (mean.layer, mean.before.subspace_coding_rate, mean.half.subspace_coding_rate) == (3, 3.0, 5.0)
    assert (mean.lasso_before, mean.lasso_after) == (2.0, 3.0)
    assert mean_books([[one]]) == [one]


def test_label_images_hold_the_labels_themselves():
    labels = np.array([[0, 1], [2, 255]])
    image = label_image(labels)
    np.testing.assert_array_equal(np.asarray(image), labels)
    assert image.convert("RGB").getpixel((0, 0)) == (0, 0, 0)
    assert len({image.convert("RGB").getpixel((x, y)) for x in (0, 1) for y in (0, 1)}) >= 3


def test_segment_rows_measure_areas():
    found = Segments("maskcut", 1, None, np.array([[0, 1], [1, 1]]))
    rows = segment_rows({"photo": "p"}, (["cat"], np.array([0.5])), {"maskcut": found})
    assert {row["photo"] for row in rows} == {"p"}
    assert [(row["of"], row["value"]) for row in rows] == [("cat", 0.5), ("segment 1", 0.75)]


def test_report_writes_one_html_file(command, tmp_path):
    code, out, err = command("report", "vit", PHOTO, "-o", tmp_path / "r.html", "--size", "32")
    assert (code, err) == (0, "")
    assert "MB" in out
    assert (tmp_path / "r.html").read_bytes().startswith(b"<!doctype html>")


def test_report_refuses_what_is_no_picture_in_one_sentence(command, tmp_path):
    (tmp_path / "notes.jpg").write_text("not a picture")
    code, _, err = command("report", "crate", tmp_path / "notes.jpg", "-o", tmp_path / "r.html")
    assert code == 2
    assert "notes.jpg" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "r.html").exists()


def test_compare_gives_the_numbers_of_the_measures(command, cards, tmp_path):
    code, out, _ = command(
        "compare", "crate", "crate_alpha", PHOTO, "--control", "--layer", 2, "--json", "-o", tmp_path
    )
    assert code == 0
    (found,) = json.loads(out)["comparisons"]
    assert [pair["b"] for pair in found["pairs"]] == ["crate_alpha", "crate, random init"]
    drawn = found["pairs"][1]["differences"]
    card = cards["crate"]
    own, new = zoo.layer_weights(card), zoo.layer_weights(card, zoo.draw_control(card))
    match = match_heads(own[1], new[1])
    assert match is not None
    assert drawn["head_overlap"]["value"] == pytest.approx(match.mean)
    assert drawn["cka"]["value"] < 1
    written = json.loads((tmp_path / "kangaroo.json").read_text())
    assert written["pairs"] == found["pairs"]
    with Image.open(tmp_path / "kangaroo.png") as sheet:
        assert sheet.width > 3 * 320


def test_compare_of_a_model_with_itself_finds_no_difference(command):
    _, out, _ = command("compare", "crate", "crate", PHOTO, "--json")
    values = {key: one["value"] for key, one in json.loads(out)["comparisons"][0]["pairs"][0]["differences"].items()}
    assert values["rank"] == 1
    expected = {"kl_nats": 0, "attention_js_bits": 0, "cls_attention_js_bits": 0, "mask_iou": 1, "cka": 1,
                "procrustes": 0, "head_overlap": 1, "atom_cosine": 1, "weight_change": 0}  # fmt: skip
    assert {key: values[key] for key in expected} == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("crate", PHOTO), "two models"),
        (("crate", "vit"), "a picture behind"),
        ((PHOTO, "crate", "vit"), "models first"),
        (("crate", "vit", "nobody"), "no model"),
        (("crate", "vit", PHOTO, "--layer", 9), "no layer 9"),
        (("crate", "vit", "missing.jpg"), "does not exist"),
    ],
)
def test_compare_refuses_in_one_sentence(command, arguments, words):
    code, _, err = command("compare", *arguments)
    assert code == 2
    assert words in err.lower()
    assert err.count("\n") == 1
