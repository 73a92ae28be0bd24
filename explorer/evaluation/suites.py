"""The table of suites, and the one door to them: a model and data → a result with date, commit and settings."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import scipy.linalg  # noqa: F401 (only a BLAS that is loaded can be limited, and SciPy brings its own)
from threadpoolctl import threadpool_limits

from explorer.card import ModelCard
from explorer.errors import ExplorerError
from explorer.evaluation.accuracy import accuracy
from explorer.evaluation.bootstrap import DRAWS
from explorer.evaluation.coco import coco
from explorer.evaluation.curves import curves
from explorer.evaluation.embedding import embedding
from explorer.evaluation.emergence import emergence
from explorer.evaluation.heads import heads
from explorer.evaluation.language import language
from explorer.evaluation.noise import noise
from explorer.evaluation.record import DIRTY, Result
from explorer.evaluation.regions import regions
from explorer.evaluation.subjects import Measured, Progress, Task, open_subjects
from explorer.evaluation.voc import voc

ROOT = Path(__file__).parents[2]
PACKAGE = "explorer"
PAPER_SIZE = 480
"""Pixels of the squares of VOC and COCO, as in CutLER's and DINO's scripts."""


@dataclass(frozen=True)
class Suite:
    """One suite. limit: images (or windows of text, or rows) unless asked otherwise, None for all. size: pixels, 0 for
    the model's own. modality: what its models read.

    divisor: the stride is the patch over this, so 2 lets patches overlap by half.
    """

    measure: Callable[[Task], Measured]
    what: str
    limit: int | None = None
    size: int = 0
    divisor: int = 1
    modality: str = "image"


SUITES: dict[str, Suite] = {
    "accuracy": Suite(accuracy, "top-1 and top-5 on the held-out pictures"),
    "emergence": Suite(emergence, "CorLoc and box IoU of unsupervised boxes against trivial ones", divisor=2),
    "curves": Suite(curves, "R^c and non-zeros of every layer over many images", limit=1000),
    "heads": Suite(heads, "whether heads specialise, and who looks at the object", limit=500, divisor=2),
    "noise": Suite(noise, "the boxes again as the pixels are disturbed", limit=500, divisor=2),
    "voc": Suite(voc, "coarse segmentation on VOC 2012 from CLS attention", size=PAPER_SIZE),
    "regions": Suite(regions, "covering and boundaries of regions that people drew, such as BSDS500's", divisor=2),
    "language": Suite(language, "cross-entropy of held-out text against counting models", limit=1000, modality="text"),
    "embedding": Suite(embedding, "sparse codes of the token embedding's rows", limit=8192, modality="text"),
    "coco": Suite(coco, "MaskCut's average precision on COCO", size=PAPER_SIZE),
}


def _unwatched(step: str, share: float) -> None:
    del step, share


def evaluate(
    card: ModelCard,
    suite: str,
    data: Path,
    against: Sequence[ModelCard] = (),
    limit: int | None = None,
    size: int | None = None,
    stride: int | None = None,
    seed: int = 0,
    progress: Progress = _unwatched,
) -> Result:
    """Run one suite. limit, size, stride: None for the suite's own. Raises ExplorerError for what a user can fix."""
    if suite not in SUITES:
        raise ExplorerError(f"There is no suite {suite}: choose {', '.join(SUITES)}.")
    if limit is not None and limit < 2:
        raise ExplorerError(f"--limit {limit} is too few: an interval needs at least 2 images.")
    own = SUITES[suite]
    for one in (card, *against):
        if one.modality != own.modality:
            fit = [name for name, other in SUITES.items() if other.modality == one.modality]
            raise ExplorerError(f"{one.name} has no suite {suite}: choose {', '.join(fit)}.")
    subjects = open_subjects(card, against, size, stride, (own.size, own.divisor))
    started = time.perf_counter()
    with threadpool_limits(1, "blas"):  # images run side by side; several threads for each would wait for one another
        found = own.measure(Task(subjects, data, own.limit if limit is None else limit, seed, progress))
    cuts = {s.card.name: f"{s.size} px, stride {s.stride}" for s in subjects}
    settings = {
        "size": subjects[0].size, "stride": subjects[0].stride, "seed": seed, "bootstrap_draws": DRAWS,
        "provider": subjects[0].model.provider, **found.settings,
        **({"compared": {name: cut for name, cut in cuts.items() if name != card.name}} if against else {}),
    }  # fmt: skip
    date = datetime.now(UTC).isoformat(timespec="seconds")
    seconds = round(time.perf_counter() - started, 1)
    return Result(suite, date, code_commit(), seconds, settings, found.data, tuple(found.rows))


def code_commit() -> str:
    """The commit of this code, with -dirty where the code differs from it; empty where there is no git repository.

    What is compared is the package alone: evaluating writes into the models that the repository holds, too.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", f"{PACKAGE}/__init__.py")  # installed, it may lie in another's repository
        commit, changed = git("rev-parse", "--short=12", "HEAD"), git("status", "--porcelain", "--", PACKAGE)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}{DIRTY}" if changed else commit
