"""Do heads specialise? How far apart they look, whether each reads the same kind of thing everywhere, and who looks at
the object."""

from __future__ import annotations

import numpy as np

from explorer.evaluation.accuracy import framed
from explorer.evaluation.bootstrap import mean_rows
from explorer.evaluation.emergence import SMALL, boxed
from explorer.evaluation.record import Row
from explorer.evaluation.subjects import Measured, Subject, Task, about_part, open_data, step_progress, traces
from explorer.measures.patches import attention_rows, jensen_shannon
from explorer.trace import Array, Trace

APART, CONSTANT, ON_OBJECT = "heads apart", "head constancy", "on the object"


def heads(task: Task) -> Measured:
    """Three figures of CLS's attention to the patches, on pictures whose box covers under half.

    heads apart, by layer: Jensen–Shannon divergence of the heads' attention over log₂ K; 0 = all look at the same
    patches, 1 = no patch is looked at by two heads. head constancy, by layer: cosine between what a head reads in a
    picture (attention-weighted mean of Z^ℓ, minus the mean over heads) and what it reads on average in the others;
    0 = anything, 1 = the same always. on the object, by head of the last layer: its attention in the box over the
    box's share of the patches; 1 = blind to the object.
    """
    for subject in task.subjects:
        subject.card.need_class_token()
    part = open_data(task, "val")
    numbers, truth = boxed(part, task, SMALL)
    rows: list[Row] = []
    for i, subject in enumerate(task.subjects):
        report = step_progress(task, f"heads, {subject.who}", i, len(task.subjects))
        read = lambda n, s=subject: framed(part, n, s, "whole")  # noqa: E731 (bound to this subject)
        apart, reads, shares = [], [], []
        for chosen, trace in traces(subject, numbers, read, points(subject), report):
            for image, box in enumerate(truth[np.searchsorted(numbers, chosen)]):
                looks = [cls_attention(trace, layer, image) for layer in layers_of(subject)]
                apart.append([jensen_shannon(look) / np.log2(len(look)) if len(look) > 1 else 0.0 for look in looks])
                reads.append(
                    [w @ trace.z(ell, image)[trace.front :] for ell, w in zip(layers_of(subject), looks, strict=True)]
                )
                shares.append(box_share(looks[-1], patches_inside(trace, subject.size, box)))
        rows += mean_rows(_columns(subject, np.array(apart), constancy(np.array(reads)), np.array(shares)), task.seed)
    return Measured(
        rows, about_part(part, "val", len(numbers)), {"framing": "whole", "boxes": f"under {SMALL:g} of the image"}
    )


def layers_of(subject: Subject) -> range:
    return range(1, subject.card.layers + 1)


def points(subject: Subject) -> list[str]:
    """The trace points that the three figures need."""
    names = ("z", *subject.card.traits.looks)
    return [f"{name}.{layer}" for layer in layers_of(subject) for name in names]


def cls_attention(trace: Trace, layer: int, image: int) -> Array:
    """CLS's attention to the patches, (K,n), each head scaled to sum 1."""
    rows = attention_rows(*trace.query_key(layer, image), 0)[:, trace.front :]
    return rows / rows.sum(axis=1, keepdims=True)


def patches_inside(trace: Trace, size: int, box: Array) -> Array:
    """Which patches have their centre in a box given by shares of the sides: bool (n,), in reading order."""
    rows, columns = ((np.arange(count) * trace.stride + trace.card.patch / 2) / size for count in trace.grid)
    left, top, right, bottom = box
    return (((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))).ravel()


def box_share(attention: Array, inside: Array) -> Array:
    """Attention (K,n) in a box over its share of the patches (n,): (K,); 1 where no or every patch is inside."""
    share = inside.mean()
    return attention[:, inside].sum(axis=1) / share if 0 < share < 1 else np.ones(len(attention))


def constancy(reads: Array) -> Array:
    """(images, L, K, d) → (images, L): mean over heads of the cosine between what a head reads in this picture, minus
    the mean over heads, and the mean of the same over all other pictures. 0 where a length is 0."""
    own = reads.astype(np.float64) - reads.mean(axis=2, keepdims=True)
    own /= np.maximum(np.linalg.norm(own, axis=-1, keepdims=True), np.finfo(float).tiny)
    others = own.sum(axis=0, keepdims=True) - own
    length = np.linalg.norm(others, axis=-1)
    return ((own * others).sum(axis=-1) / np.where(length > 0, length, 1)).mean(axis=-1)


def _columns(subject: Subject, apart: Array, constant: Array, shares: Array) -> dict[Row, Array]:
    columns = {
        Row(measure, subject.who, 0, 0, at=layer): values[:, layer - 1]
        for measure, values in ((APART, apart), (CONSTANT, constant))
        for layer in layers_of(subject)
    }
    by_head = {Row(ON_OBJECT, subject.who, 0, 0, method=f"head {k + 1}"): v for k, v in enumerate(shares.T)}
    return columns | by_head
