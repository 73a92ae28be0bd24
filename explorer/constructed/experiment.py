"""A whole run on tokens of known subspaces: every compression step, then every sparsification step, measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explorer.constructed.synthetic import (
    Mixture,
    draw_mixture,
    draw_subspaces,
    gradient_step,
    ista_step,
    make_dictionary,
    mssa_step,
    own_share,
    recognised,
    subspace_coordinates,
)
from explorer.measures.rates.rate import coding_rate, subspace_coding_rate
from explorer.measures.rates.sparsity import l1_mean, nonzero_fraction
from explorer.trace import Array, read_only

OPERATORS = ("mssa", "gradient")


@dataclass(frozen=True)
class Setting:
    """Everything that a run depends on; see the functions of measures.synthetic for what each number means.

    count K subspaces of dimension dim p in R^width; angle between them in degrees, None at random. steps: of each
    half. wrong: compress and sparsify with subspaces that are not the data's. seed: of the data; everything else
    is drawn from streams of their own, so that the same seed keeps the tokens when an operator changes.
    """

    count: int = 4
    dim: int = 2
    width: int = 32
    angle: float | None = 90
    tokens: int = 160
    length: float = 2.0
    noise: float = 0.5
    steps: int = 10
    operator: str = "mssa"
    kappa: float = 0.15
    eps_squared: float = 0.1
    dictionary: str = "bases"
    eta: float = 0.3
    lam: float = 0.1
    wrong: bool = False
    seed: int = 0


@dataclass(frozen=True)
class StepMeasures:
    """Numbers after one step; step 0 is the data, steps 1 … T compress, T+1 … 2T sparsify. Rates in nats.

    In the compressing half they are of the tokens Z; in the other one nonzero_fraction and l1_mean are of the codes A
    and everything else of the decoded tokens D A.
    coding_rate R; per_subspace (K,): the terms of R^c in the *data's* subspaces, whatever the steps used;
    own_share, recognised: means over the tokens; length: root mean square length of a token;
    nonzero_fraction ‖·‖₀ and l1_mean ‖·‖₁ over the number of entries; error: ‖Z − DA‖/‖Z‖ against the compressed
    tokens, None before there are codes.
    """

    step: int
    coding_rate: float
    per_subspace: Array
    own_share: float
    recognised: float
    length: float
    nonzero_fraction: float
    l1_mean: float
    error: float | None

    @property
    def subspace_coding_rate(self) -> float:
        return float(self.per_subspace.sum())

    @property
    def rate_reduction(self) -> float:
        return self.coding_rate - self.subspace_coding_rate


@dataclass(frozen=True)
class ExperimentRun:
    """One run. tokens: float32 (2T+1,N,d), Z or decoded D A; codes: float32 (T+1,N,m), the first before any ISTA step.

    rows, control: StepMeasures of every step; the control is the same run with wrong subspaces of the same law.
    """

    setting: Setting
    mixture: Mixture
    dictionary: Array
    tokens: Array
    codes: Array
    rows: tuple[StepMeasures, ...]
    control: tuple[StepMeasures, ...]


def run_experiment(setting: Setting) -> ExperimentRun:
    """Draw the data, run both halves with the setting's subspaces, and once more with wrong ones as the control.

    The codes start at ReLU(Dᵀz). Raises ValueError as draw_subspaces and draw_mixture do, or for an unknown operator.
    """
    if setting.operator not in OPERATORS:
        raise ValueError(f"an operator is one of {OPERATORS}, got {setting.operator!r}")
    law = (setting.count, setting.dim, setting.width, setting.angle)
    data, other = np.random.default_rng([setting.seed, 0]), np.random.default_rng([setting.seed, 1])
    mixture = draw_mixture(
        draw_subspaces(*law, data), setting.tokens, setting.length, setting.noise, data
    )  # fmt: skip
    control = _halves(mixture, draw_subspaces(*law, other), setting)
    dictionary, tokens, codes, rows = control if setting.wrong else _halves(mixture, mixture.subspaces, setting)
    return ExperimentRun(setting, mixture, dictionary, tokens, codes, rows, control[-1])


def _halves(
    mixture: Mixture, subspaces: Array, setting: Setting
) -> tuple[Array, Array, Array, tuple[StepMeasures, ...]]:
    """(D, tokens, codes, rows) of one run with these subspaces."""
    tokens = [mixture.tokens]
    for _ in range(setting.steps):
        tokens.append(_compressed(tokens[-1], subspaces, setting))
    dictionary = make_dictionary(setting.dictionary, subspaces, np.random.default_rng([setting.seed, 2]))
    z = tokens[-1]
    codes = [np.maximum(z @ dictionary, 0.0)]
    for _ in range(setting.steps):
        codes.append(ista_step(codes[-1], z, dictionary, setting.eta, setting.lam))
        tokens.append(codes[-1] @ dictionary.T)
    rows = tuple(_measure(step, tokens, codes, mixture, setting) for step in range(len(tokens)))
    return dictionary, read_only(np.array(tokens, np.float32)), read_only(np.array(codes, np.float32)), rows


def _compressed(z: Array, subspaces: Array, setting: Setting) -> Array:
    if setting.operator == "mssa":
        return mssa_step(z, subspaces, setting.kappa)
    return gradient_step(z, subspaces, setting.kappa, setting.eps_squared)


def _measure(step: int, tokens: list[Array], codes: list[Array], mixture: Mixture, setting: Setting) -> StepMeasures:
    now, compressed = tokens[step], tokens[setting.steps]
    sparsified = step > setting.steps
    entries = codes[step - setting.steps] if sparsified else now
    return StepMeasures(
        step=step,
        coding_rate=coding_rate(now, setting.eps_squared),
        per_subspace=subspace_coding_rate(subspace_coordinates(now, mixture.subspaces), setting.eps_squared),
        own_share=float(own_share(now, mixture).mean()),
        recognised=float(recognised(now, mixture).mean()),
        length=float(np.sqrt(np.mean(np.sum(now**2, axis=1)))),
        nonzero_fraction=nonzero_fraction(entries),
        l1_mean=l1_mean(entries),
        error=float(np.linalg.norm(compressed - now) / np.linalg.norm(compressed)) if sparsified else None,
    )
