"""The command line on texts: what each command takes, prints and refuses."""

import json

import numpy as np
import pytest

from explorer import zoo
from tests.cli.test_commands import run


@pytest.fixture
def command(monkeypatch, capsys, word_card):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(word_card.path.parent))
    return lambda *arguments: run(monkeypatch, capsys, *arguments)


def test_trace_takes_a_text_a_file_and_tokens(command, tmp_path, word_card):
    (tmp_path / "cat.txt").write_text("the cat sat")
    asked = ["the cat sat", tmp_path / "cat.txt"]
    found = []
    for source in asked:
        code, _, err = command("trace", "words", source, "-o", tmp_path / "t.npz", "--points", "z.1,codes.2")
        assert (code, err) == (0, "")
        with np.load(tmp_path / "t.npz") as arrays:
            found.append(dict(arrays))
    assert set(found[0]) == {"logits", "z.1", "codes.2"}
    assert found[0]["codes.2"].shape[-1] == 32
    np.testing.assert_array_equal(found[0]["logits"], found[1]["logits"])
    np.save(tmp_path / "two.npy", np.array([[1, 2, 3], [4, 5, 6]]))
    assert command("trace", "words", tmp_path / "two.npy", "-o", tmp_path / "t.npz")[0] == 0
    with np.load(tmp_path / "t.npz") as arrays:
        assert arrays["logits"].shape == (2, 3, word_card.vocabulary)


def test_measure_tells_cross_entropy(command):
    code, out, _ = command("measure", "words", "the cat sat on the mat.", "--json")
    text = json.loads(out)["text"]
    assert code == 0
    assert len(text["logit_lens"]) == 3
    assert text["logit_lens"][-1] == text["nats_per_token"] > 0
    assert 0 < text["nats_per_byte"] < text["nats_per_token"]
    code, out, _ = command("measure", "words", "the cat sat on the mat.")
    assert f"cross-entropy {text['nats_per_token']:.3f} nats per token" in " ".join(out.split())


def test_ledger_takes_text(command):
    code, out, _ = command("ledger", "words", "the cat sat", "--json")
    assert code == 0
    assert len(json.loads(out)["trained"]["books"]) == 2


def test_generate_prints_what_json_tells(command):
    options = ("generate", "words", "the cat", "--tokens", "6", "--seed", "3")
    code, out, _ = command(*options, "--json")
    values = json.loads(out)
    assert code == 0
    assert len(values["tokens"]) == len(values["shares"]) == 6
    assert all(0 < share <= 1 for share in values["shares"])
    assert values["tokens_per_second"] > 0
    shown = command(*options)[1]
    assert shown.removesuffix("\n") == values["text"].rstrip("\N{REPLACEMENT CHARACTER}")


def test_a_long_text_is_cut_with_a_note(command):
    code, out, err = command("measure", "words", "the mat " * 40, "--json")
    assert code == 0
    assert json.loads(out)["text"]["tokens"] == 16
    assert "reads 16 tokens at most" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("measure", "words", ""), "There is no text"),
        (("measure", "words", "the cat", "--stride", "2"), "has no stride"),
        (("report", "words", "the cat", "--stride", "2", "-o", "x.html"), "has no stride"),
        (("measure", "words", "the cat", "--size", "64"), "has no size"),
        (("measure", "words", "nothing.npy"), "nothing.npy does not exist"),
        (("measure", "words", "missing.txt"), "missing.txt does not exist"),
        (("bench", "words"), "bench takes models of pictures"),
        (("segment", "words", "the cat", "-o", "x.png"), "segment takes models of pictures"),
        (("ablate", "words", "the cat"), "ablate takes models of pictures"),
        (("generate", "words", "the", "--temperature", "-1"), "temperature -1"),
        (("generate", "words", ""), "There is no text"),
    ],
)
def test_what_does_not_fit_is_one_line(command, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    code, _, err = command(*arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_report_of_a_text(command, tmp_path):
    evil = "</script><b>the cat"
    code, out, _ = command("report", "words", evil, "-o", tmp_path / "x.html")
    page = (tmp_path / "x.html").read_text()
    assert code == 0
    assert "x.html" in out.replace("\n", "")
    assert "default-src 'none'" in page
    assert "</script><b>" not in page
    assert "nats per token" in page
    assert "$" not in page.split("<script")[0]


def test_compare_with_the_control(command, tmp_path):
    code, out, _ = command("compare", "words", "the cat sat", "--control", "--json", "-o", tmp_path / "out")
    values = json.loads(out)
    (one,) = values["comparisons"]
    (pair,) = one["pairs"]
    assert code == 0
    assert set(pair["differences"]) == set(values["scales"])
    assert pair["differences"]["foretold_kl_nats"]["value"] > 0
    assert 0 <= pair["differences"]["agreement"]["value"] <= 1
    assert all(0 < share <= 1 for share in one["top"]["words"].values())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["text.json"]
    code, out, _ = command("compare", "words", "words", "the cat sat")
    assert code == 0
    assert "next tokens: the same first choice" in " ".join(out.split())


def test_compare_takes_one_kind_of_model(monkeypatch, capsys, cards, word_card):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(cards["crate"].path.parent))
    code, _, err = run(monkeypatch, capsys, "compare", "crate", word_card.path, "the cat")
    assert (code, "not both at once" in err) == (2, True)


def test_files_of_texts_are_read_in_their_encoding_and_by_column(command, tmp_path):
    (tmp_path / "latin.txt").write_bytes("the café".encode("cp1252"))
    (tmp_path / "same.txt").write_bytes("the café".encode("utf-16"))
    (tmp_path / "rows.csv").write_text("id,said\n1,the\n2,the café\n", "utf-8")
    texts = []
    for options in (["latin.txt"], ["same.txt"], ["rows.csv", "--column", "said", "--row", "2"]):
        code, out, err = command("measure", "words", tmp_path / options[0], *options[1:], "--json")
        assert (code, "Read as Windows-1252" in err) == (0, options == ["latin.txt"])
        texts.append(json.loads(out)["text"])
    assert texts[0] == texts[1] == texts[2]
    code, _, err = command("measure", "words", tmp_path / "rows.csv")
    assert (code, "name one of id, said by --column" in err) == (2, True)


def test_files_that_are_no_text(command, tmp_path):
    (tmp_path / "zeros.txt").write_bytes(b"caf\xe9\x00")
    code, _, err = command("measure", "words", tmp_path / "zeros.txt")
    assert (code, "zeros.txt is not text in UTF-8" in err) == (2, True)


def test_a_model_without_a_tokenizer_takes_numbers(monkeypatch, capsys, text_cards, tmp_path):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(text_cards["crate_lm"].path.parent))
    code, _, err = run(monkeypatch, capsys, "measure", "crate_lm", "the cat")
    assert (code, "has no tokenizer" in err) == (2, True)
    np.save(tmp_path / "x.npy", np.array([[3, 1, 4]]))
    code, out, _ = run(monkeypatch, capsys, "measure", "crate_lm", tmp_path / "x.npy", "--json")
    assert (code, json.loads(out)["text"]["nats_per_byte"]) == (0, None)
    code, out, _ = run(monkeypatch, capsys, "generate", "crate_lm", tmp_path / "x.npy", "--tokens", "2")
    assert (code, out.count("#")) == (0, 2)


def test_generate_refuses_models_of_pictures(monkeypatch, capsys, cards):
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(cards["crate"].path.parent))
    code, _, err = run(monkeypatch, capsys, "generate", "crate", "the")
    assert (code, "generate takes a language model" in err) == (2, True)
