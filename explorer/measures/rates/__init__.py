"""How compressed and how sparse: coding rates, the ledger of the objective, how near each step is to its derivation."""

from explorer.measures.rates.distortion import DistortionCurves, distortion_curves
from explorer.measures.rates.histogram import threshold_histogram
from explorer.measures.rates.layers import (
    LayerMeasures,
    before_threshold,
    layer_norm,
    measure_curves,
    measure_layers,
    project,
)
from explorer.measures.rates.ledger import (
    COMPRESS,
    NOISE,
    Balance,
    HalfStep,
    LayerLedger,
    compression_changes,
    half_steps,
    measure_ledger,
    revaluations,
)
from explorer.measures.rates.rate import (
    OFFICIAL_EPS_SQUARED,
    coding_rate,
    effective_rank,
    rate_bounds,
    subspace_coding_rate,
    subspace_coding_rate_official,
    subspace_token_rates,
    token_rates,
)
from explorer.measures.rates.sparsity import nonzero_fraction
from explorer.measures.rates.whiteness import CompressionFit, SparsityFit, measure_compression, measure_sparsification

__all__ = [
    "COMPRESS",
    "NOISE",
    "OFFICIAL_EPS_SQUARED",
    "Balance",
    "CompressionFit",
    "DistortionCurves",
    "HalfStep",
    "LayerLedger",
    "LayerMeasures",
    "SparsityFit",
    "before_threshold",
    "coding_rate",
    "compression_changes",
    "distortion_curves",
    "effective_rank",
    "half_steps",
    "layer_norm",
    "measure_compression",
    "measure_curves",
    "measure_layers",
    "measure_ledger",
    "measure_sparsification",
    "nonzero_fraction",
    "project",
    "rate_bounds",
    "revaluations",
    "subspace_coding_rate",
    "subspace_coding_rate_official",
    "subspace_token_rates",
    "threshold_histogram",
    "token_rates",
]
