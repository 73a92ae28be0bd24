"""A tokenizer is read from the files in which it comes, and what its tokens spell is known byte by byte."""

import json

import pytest

from explorer.errors import ExplorerError
from explorer.inputs.text import prepare_text
from explorer.inputs.tokenizer import bytes_of_tokens, load_tokenizer, read_tokenizer
from explorer.training.texts import END, learn_tokenizer
from tests.inputs.test_text import ENGLISH


@pytest.fixture(scope="module")
def tokenizer() -> str:
    return learn_tokenizer([ENGLISH], 300).to_str()


def test_a_tokenizer_is_read_from_its_file_its_folder_or_gpt2s_files(tokenizer, tmp_path):
    (tmp_path / "tokenizer.json").write_text(tokenizer)
    assert read_tokenizer(tmp_path / "tokenizer.json") == read_tokenizer(tmp_path) == tokenizer
    model = json.loads(tokenizer)["model"]
    gpt2 = tmp_path / "gpt2"
    gpt2.mkdir()
    (gpt2 / "vocab.json").write_text(json.dumps(model["vocab"]))
    merges = [one if isinstance(one, str) else " ".join(one) for one in model["merges"]]
    (gpt2 / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges))
    ids = prepare_text(ENGLISH[:60], read_tokenizer(gpt2), 100).data
    assert ids.tolist() == prepare_text(ENGLISH[:60], tokenizer, 100).data.tolist()


@pytest.mark.parametrize("content", ["{}", "not json", None])
def test_what_is_no_tokenizer_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(ExplorerError, match="tokenizer"):
        read_tokenizer(tmp_path)


def test_every_byte_has_a_token_and_the_end_is_its_name(tokenizer):
    known = bytes_of_tokens(tokenizer)
    assert known is not None
    assert len(known) == load_tokenizer(tokenizer).get_vocab_size()
    assert {bytes([byte]) for byte in range(256)} <= set(known.values())
    assert known[load_tokenizer(tokenizer).token_to_id(END)] == END.encode()
    for text in ("best", " of", "猫"):
        ids = load_tokenizer(tokenizer).encode(text).ids
        assert b"".join(known[number] for number in ids) == text.encode()
