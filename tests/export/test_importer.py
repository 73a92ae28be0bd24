"""From file to zoo: the same model from every form, a measured parity, and nothing installed when anything fails."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from explorer import runtime, zoo
from explorer.errors import ExplorerError
from explorer.export import importer, parity
from explorer.export.importer import checked_card, import_file, is_current
from explorer.models.crate import Size
from explorer.models.crate_lm import TextSize
from explorer.trace import Knobs
from tests.conftest import SIZES, draw, pixels, prepared, torch_points
from tests.export.test_checkpoint import CRATE_FORMS

FORMER = Path(__file__).parent / "former.onnx"


@pytest.mark.parametrize("form", CRATE_FORMS)
def test_every_form_gives_the_same_logits(checkpoints, modules, tmp_path, quick_reader, form):
    card = import_file(checkpoints[form], heads=2, directory=tmp_path)
    logits = runtime.run(runtime.open_model(card), prepared(pixels()), []).logits
    np.testing.assert_allclose(logits, torch_points(modules["crate"], pixels())["logits"], rtol=1e-5, atol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == [f"{card.name}.onnx"]
    assert card.provenance["file"] == form
    assert card.provenance["ignored_tensors"] == (["head.bias", "head.weight"] if form == "crate-demo.pth" else [])


def test_by_a_real_child(checkpoints, tmp_path):
    steps = []
    card = import_file(
        checkpoints["crate.pth.tar"],
        heads=2,
        directory=tmp_path,
        progress=lambda step, share: steps.append((step, share)),
    )
    assert card.name == "crate"
    assert card.path == (tmp_path / "crate.onnx").resolve()
    assert [share for _, share in steps] == sorted(share for _, share in steps)
    assert steps[-1] == ("Done", 1.0)
    assert all(step and 0 <= share <= 1 for step, share in steps)


@pytest.mark.parametrize("family", SIZES)
def test_card_of_an_imported_model(cards, modules, family):
    card = cards[family]
    assert (card.family, card.modality, card.layers, card.heads, card.dim, card.head_dim) == (
        family,
        "image",
        2,
        2,
        8,
        4,
    )
    assert (card.patch, card.image_size, card.codes_dim) == (4, 12, 32 if family == "crate_alpha" else 0)
    assert card.parameters == sum(p.numel() for p in modules[family].parameters())
    assert card.norm_eps == SIZES[family].norm_eps
    assert card.init == modules[family].init_laws()
    for pattern in card.weights.values():
        name = pattern.format(l=1)
        assert any(key == name or key.startswith(f"{name}.") for key in modules[family].state_dict()), name


@pytest.mark.parametrize("family", SIZES)
def test_parity_is_recorded(cards, family):
    recorded = cards[family].parity
    assert 0 < recorded["max_abs_error"] < 1e-4
    assert 0 < recorded["max_relative_error"] < 1e-5
    assert recorded["tolerance"] == 1e-4
    assert recorded["torch"] == torch.__version__
    assert {(c["height"], c["width"]) for c in recorded["cases"]} == {(12, 12), (20, 8)}
    assert {c["stride"] for c in recorded["cases"]} == {4, 2}


@pytest.mark.parametrize("image_size", [4, 8, 16])
@pytest.mark.parametrize("family", SIZES)
def test_small_grids_can_be_imported(tmp_path, quick_reader, family, image_size):
    """One patch, two by two, four by four: the parity check's own sizes must hold for them too."""
    size = dataclasses.replace(SIZES[family], image_size=image_size)
    torch.save(draw(family, size).state_dict(), tmp_path / "small.pth")
    assert import_file(tmp_path / "small.pth", heads=2, directory=tmp_path).image_size == image_size


@pytest.mark.parametrize("family", ["crate", "crate_alpha"])
def test_one_head_without_an_output_matrix(tmp_path, quick_reader, family):
    size = dataclasses.replace(SIZES[family], heads=1)
    module = draw(family, size)
    torch.save(module.state_dict(), tmp_path / "one.pth")
    card = import_file(tmp_path / "one.pth", heads=1, directory=tmp_path)
    assert (card.heads, card.head_dim) == (1, 8)
    points = runtime.run(runtime.open_model(card), prepared(pixels())).points
    for name, array in torch_points(module, pixels()).items():
        np.testing.assert_allclose(points[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


def test_heads_wider_than_the_tokens(tmp_path, quick_reader):
    size = dataclasses.replace(SIZES["crate"], inner=12)
    torch.save(draw("crate", size).state_dict(), tmp_path / "wide.pth")
    card = import_file(tmp_path / "wide.pth", heads=2, directory=tmp_path)
    assert (card.dim, card.heads, card.head_dim) == (8, 2, 6)


def swapped(first: str, second: str):
    """importer.build_graph with two weights of the same shape exchanged."""

    def build(identity, weights, metadata):
        return real(identity, weights | {first: weights[second], second: weights[first]}, metadata)

    real = importer.build_graph
    return build


@pytest.mark.parametrize(
    ("family", "first", "second"),
    [
        ("crate", "transformer.layers.0.0.fn.qkv.weight", "transformer.layers.1.0.fn.qkv.weight"),
        ("crate", "transformer.layers.1.0.norm.bias", "transformer.layers.1.1.norm.bias"),
        ("crate_alpha", "transformer.layers.1.1.fn.D", "transformer.layers.1.1.fn.D1"),
        ("vit", "blocks.0.norm1.weight", "blocks.0.norm2.weight"),
        ("vit", "norm.bias", "patch_embed.proj.bias"),
    ],
)
def test_a_graph_that_differs_is_not_installed(checkpoints, tmp_path, monkeypatch, quick_reader, family, first, second):
    monkeypatch.setattr(importer, "build_graph", swapped(first, second))
    file = {"crate": "crate.pth.tar", "crate_alpha": "alpha.pth", "vit": "vit.pth"}[family]
    with pytest.raises(ExplorerError, match=r"output \S+ differs from torch by .* nothing was installed\.$"):
        import_file(checkpoints[file], heads=2, directory=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_parity_looks_at_the_knobs_too(checkpoints, tmp_path, monkeypatch, quick_reader):
    """A graph that is right as trained, but whose λ of layer 1 is wired to layer 2."""
    real = importer.build_graph

    def crossed(*arguments):
        model = real(*arguments)
        gathers = [n for n in model.graph.node if n.op_type == "Gather" and list(n.input)[1] in ("s_0", "s_1")]
        reshaped = {n.output[0] for n in model.graph.node if n.op_type == "Reshape" and n.input[0] == "ista_lambda"}
        (first, second) = (n for n in gathers if n.input[0] in reshaped)
        first.input[1], second.input[1] = second.input[1], first.input[1]
        return model

    monkeypatch.setattr(importer, "build_graph", crossed)
    with pytest.raises(ExplorerError, match="differs from torch"):
        import_file(checkpoints["crate.pth.tar"], heads=2, directory=tmp_path / "zoo")


def test_parity_refuses_numbers_that_are_not_finite(modules, cards, monkeypatch):
    monkeypatch.setattr(parity, "_outputs", lambda *a: [("z.1", np.array([np.nan]), np.array([1.0]))])
    with pytest.raises(ExplorerError, match=r"z\.1 differs"):
        parity.check_parity(modules["crate"], SIZES["crate"], cards["crate"], Path("x.onnx"), lambda share: None)


def test_parity_cases_fit_every_size():
    for size in (SIZES["crate"], Size(8, 1, 1, patch=1, image_size=1), Size(8, 1, 1, patch=14, image_size=224)):
        for case in parity.cases(size):
            assert min(case.data.shape[2:]) >= size.patch
            assert 1 <= (case.stride or 0) <= size.patch
    text = TextSize(8, 1, 1, vocabulary=11, context=7, atoms=32)
    assert [case.data.shape for case in parity.cases(text)] == [(2, 1), (2, 3), (2, 7)]


def test_bad_name_is_refused_before_anything_is_read(checkpoints, tmp_path, monkeypatch):
    monkeypatch.setattr(importer, "read_checkpoint", lambda *a: pytest.fail("the file was read"))
    for name in ("../evil", "Capital", "a/b", ".hidden", "", "x" * 65):
        if name:
            with pytest.raises(ExplorerError, match="cannot be a model's name"):
                import_file(checkpoints["alpha.pth"], name=name, directory=tmp_path)


def test_a_second_import_replaces_the_first(checkpoints, tmp_path, quick_reader):
    first = import_file(checkpoints["crate.pth.tar"], name="same", heads=2, directory=tmp_path)
    second = import_file(checkpoints["alpha.pth"], name="same", heads=2, directory=tmp_path)
    assert (first.family, second.family) == ("crate", "crate_alpha")
    assert [p.name for p in tmp_path.iterdir()] == ["same.onnx"]


def test_a_failed_import_leaves_the_older_model(checkpoints, tmp_path, monkeypatch, quick_reader):
    card = import_file(checkpoints["crate.pth.tar"], name="same", heads=2, directory=tmp_path)
    before = card.path.read_bytes()
    with pytest.raises(ExplorerError):
        import_file(checkpoints["alpha.pth"], name="same", heads=3, directory=tmp_path)
    assert card.path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["same.onnx"]


def test_an_exported_file_can_be_carried_to_another_zoo(cards, tmp_path):
    carried = import_file(cards["crate"].path, name="carried", directory=tmp_path)
    assert carried.path == (tmp_path / "carried.onnx").resolve()
    assert carried.sha256 == cards["crate"].sha256


def test_a_file_of_an_older_version_runs_and_can_be_brought_up_to_date(tmp_path):
    """former.onnx: a tiny CRATE as the first version of the exporter wrote it, with two products in ISTA."""
    former = zoo.read_card(FORMER)
    now = import_file(FORMER, directory=tmp_path)
    assert is_current(now, *checked_card(now))
    assert not is_current(former, *checked_card(former))
    unlike = {"path": Path(), "sha256": "", "size_bytes": 0, "parity": {}}
    assert dataclasses.replace(now, **unlike) == dataclasses.replace(former, **unlike)
    assert now.parity["max_abs_error"] < 1e-5
    rng = np.random.default_rng(0)
    gain, eta, lam = (rng.uniform(0, 0.5, (4, *more)).astype(np.float32) for more in ((2,), (), ()))
    ways = [runtime.open_model(card) for card in (former, now)]
    for stride, (height, width) in ((4, (12, 12)), (3, (9, 22))):
        for knobs in (Knobs(stride=stride), Knobs(gain, lam, eta, stride)):
            old, new = (runtime.run(way, prepared(pixels(2, height, width)), None, knobs).points for way in ways)
            assert set(old) == set(new)
            for name, array in old.items():
                np.testing.assert_allclose(new[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("options", [{"heads": 2}, {"card_path": Path("card.json")}])
def test_an_exported_file_takes_no_card(cards, tmp_path, options):
    with pytest.raises(ExplorerError, match="leave --heads, --card, --tokenizer and --weights out"):
        import_file(cards["crate"].path, directory=tmp_path, **options)


def damage(model, edit) -> None:
    """Change the card of an exported model."""
    entry = next(e for e in model.metadata_props if e.key == "crate_explorer")
    values = json.loads(entry.value)
    edit(values)
    entry.value = json.dumps(values)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda card: card.update(heads=4), "says head_dim 4, not 2"),
        (lambda card: card.update(patch=2), "says patch 2"),
        (lambda card: card.update(classes=["one"]), "names 1 of 3 classes"),
        (lambda card: card.update(weights={}), "says weights"),
        (lambda card: card.update(weights={"subspaces": "{x.y}"}), "says weights"),
        (lambda card: card.update(family="clip"), "family"),
        (lambda card: card.update(init={}), "no weights"),
        (lambda card: card["init"].update(cls_token={"uniform": "a"}), "impossible values"),
        (lambda card: card["init"].update(cls_token=5), "impossible values"),
        (lambda card: card.update(measured=3), "impossible values"),
        (lambda card: card.update(provenance=[1]), "impossible values"),
        (lambda card: card.update(parity="x"), "impossible values"),
        (lambda card: card["preprocessing"].update(crop=60000, resize=60000), "impossible values"),
        (lambda card: card.update(eta=[0.2, 0.2]), "logits is not what its weights give"),
    ],
)
def test_an_uploaded_model_with_an_edited_card_is_refused(cards, tmp_path, edit, sentence):
    import onnx

    model = onnx.load(cards["crate"].path)
    damage(model, edit)
    onnx.save(model, tmp_path / "edited.onnx")
    with pytest.raises(ExplorerError, match=sentence):
        import_file(tmp_path / "edited.onnx", directory=tmp_path / "zoo")
    assert not (tmp_path / "zoo").exists()


def test_an_uploaded_model_with_another_graph_is_refused(cards, tmp_path):
    import onnx

    model = onnx.load(cards["crate"].path)
    next(node for node in model.graph.node if node.output[0] == "z.2").op_type = "Tanh"
    onnx.save(model, tmp_path / "edited.onnx")
    with pytest.raises(ExplorerError, match="logits is not what its weights give in the graph that we write"):
        import_file(tmp_path / "edited.onnx", directory=tmp_path / "zoo")


def test_an_exported_file_that_fails_in_the_child_is_not_installed(cards, tmp_path, monkeypatch):
    import onnx

    model = onnx.load(cards["crate"].path)
    next(t for t in model.graph.initializer if t.name == "cls_token").dims[:] = [1, 1, 7]
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ExplorerError, match=r"odd\.onnx is (refused|damaged)") as caught:
        import_file(tmp_path / "odd.onnx", directory=tmp_path / "zoo")
    assert str(caught.value).endswith(".")
    assert not (tmp_path / "zoo").exists()
