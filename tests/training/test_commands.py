"""prepare and train from the command line."""

import pytest

from explorer import cli
from explorer.training.checkpoints import CURVE
from tests.training.conftest import write_pictures

RECIPE = """
family = "crate"
dim = 8
layers = 1
heads = 2
patch = 4
image_size = 16
[[stages]]
data = "mine"
size = 16
epochs = 1
batch = 6
"""


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command line in this process: (exit code, output, errors)."""

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["crate-explorer", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return run


def test_from_pictures_to_a_checkpoint(command, tmp_path):
    raw = write_pictures(tmp_path / "raw")
    code, out, _ = command("prepare", raw, "--out", tmp_path / "data" / "mine", "--size", "16", "--hold-out", "0.25")
    assert code == 0
    assert "train: 18 pictures, 3 classes, 16 px" in out
    (tmp_path / "small.toml").write_text(RECIPE)
    folders = ("--data", tmp_path / "data", "--out", tmp_path / "run", "--device", "cpu")
    code, out, _ = command("train", tmp_path / "small.toml", *folders)
    assert code == 0
    assert f"crate-explorer import {tmp_path / 'run' / 'small.pth.tar'} --card" in out
    assert (tmp_path / "run" / CURVE).exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["prepare", "nothing", "--out", "out"], "were expected"),
        (["train", "nothing"], "There is no recipe nothing"),
        (["train", "crate-tiny", "--data", "nothing"], "crate-explorer prepare"),
        (["train", "crate-tiny", "--minutes", "0"], "--minutes 0"),
        (["train", "crate-tiny", "--device", "tpu"], "--device tpu"),
    ],
)
def test_what_a_user_can_fix_is_one_line(command, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    code, _, err = command(*arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
