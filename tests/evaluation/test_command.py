"""crate-explorer evaluate, end to end on a tiny model."""

import json
import shutil
import subprocess

import pytest

from explorer import cli, zoo
from explorer.evaluation import suites
from explorer.evaluation.record import DIRTY, Result, results_of


@pytest.fixture
def command(monkeypatch, capsys, named, tmp_path):
    """Run the command line on a zoo of copies: (exit code, output, errors)."""
    for card in named.values():
        shutil.copy(card.path, tmp_path)
    monkeypatch.setenv(zoo.MODELS_VARIABLE, str(tmp_path))

    monkeypatch.setattr(suites, "code_commit", lambda: "0123456789ab")

    def run(*arguments) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["crate-explorer", "evaluate", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return run


def test_results_are_printed_written_and_recorded(command, squares, tmp_path):
    file = tmp_path / "results.json"
    suites = ("--suite", "accuracy", "--suite", "emergence", "--suite", "curves")
    code, out, err = command("crate", *suites, "--data", squares, "--against", "vit", "--against", "crate", "-o", file)
    assert (code, err) == (0, "")
    assert "trained − vit" in out
    assert "trained − crate" not in out  # a model against itself says nothing
    assert "95 % interval" in out
    recorded = results_of(zoo.find_model("crate"))
    assert list(recorded) == ["accuracy", "emergence", "curves"]
    written = json.loads(file.read_text("utf-8"))["crate"]
    assert written == {name: result.values() for name, result in recorded.items()}
    assert recorded["curves"].data["licence"] == "made for a test"
    assert zoo.find_model("vit").evaluation == {}


def test_changed_code_is_said(command, squares, monkeypatch):
    monkeypatch.setattr(suites, "code_commit", lambda: f"0123456789ab{DIRTY}")
    code, out, err = command("crate", "--suite", "accuracy", "--data", squares)
    assert code == 0
    said = "commit 0123456789ab with local changes"
    assert err == f"The code was changed since its last commit: the results say {said}.\n"
    assert said in out


def test_only_changes_of_the_code_make_a_commit_unclean(tmp_path, monkeypatch):
    """Evaluating writes into models that lie in the repository: those are no changes of the code."""
    monkeypatch.setattr(suites, "ROOT", tmp_path)
    (tmp_path / "explorer").mkdir()
    for name in ("explorer/__init__.py", "model.onnx"):
        (tmp_path / name).write_text("as committed")
    assert suites.code_commit() == ""  # no repository

    def git(*arguments: str) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org")
        done = subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q")
    (tmp_path / "other.txt").write_text("another project's")
    git("add", "other.txt")
    git("commit", "-qm", "other")
    assert suites.code_commit() == ""  # installed into another project's repository
    git("add", ".")
    git("commit", "-qm", "all")
    commit = git("rev-parse", "--short=12", "HEAD")
    (tmp_path / "model.onnx").write_text("with an evaluation")
    assert suites.code_commit() == commit
    (tmp_path / "explorer" / "__init__.py").write_text("changed")
    assert suites.code_commit() == f"{commit}{DIRTY}"


def test_the_code_in_words():
    assert Result("x", "", f"abc{DIRTY}", 1.0).code == "commit abc with local changes"
    assert Result("x", "", "abc", 1.0).code == "commit abc"
    assert Result("x", "", "", 1.0).code == ""


def test_without_record_the_file_stays_as_it_is(command, squares):
    before = zoo.find_model("crate").sha256
    code, out, _ = command("crate", "vit", "--suite", "accuracy", "--data", squares, "--no-record", "--json")
    assert code == 0
    assert set(json.loads(out)) == {"crate", "vit"}
    assert zoo.find_model("crate").sha256 == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["crate", "--suite", "speed", "--data", "."], "There is no suite speed"),
        (["crate", "--suite", "accuracy", "--data", "nothing"], "crate-explorer prepare"),
        (["crate", "--suite", "accuracy", "--data", ".", "--stride", "9"], "Stride 9"),
        (["none", "--suite", "accuracy", "--data", "."], "no model none"),
        (["crate", "--data", "."], "--suite"),
    ],
)
def test_what_a_user_can_fix_is_one_line(command, arguments, sentence):
    code, _, err = command(*arguments)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1
