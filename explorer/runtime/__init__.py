"""The only door to ONNX Runtime: which provider, one session per model, a run → a Trace.

On a GPU the trace stays on the device; a point is copied when it is first looked at. A run that the GPU's memory does
not hold is made on the CPU, and its trace says so. Attention over N tokens takes memory linear in N (export.families),
so a run's cost is known before it starts: see estimate.
"""

from explorer.runtime.cost import (
    MEMORY_VARIABLE,
    SECONDS_VARIABLE,
    Cost,
    check_cost,
    estimate,
    estimate_text,
    fits,
)
from explorer.runtime.providers import (
    CPU,
    CUDA,
    PROVIDER_VARIABLE,
    SESSION_ERRORS,
    VERSION,
    choose_provider,
    leaves_gpu_unused,
    provider,
    trial_problem,
)
from explorer.runtime.running import check_knobs, check_run, run
from explorer.runtime.session import CUDA_OPTIONS, OUT_OF_MEMORY, Model, open_model

__all__ = [
    "CPU", "CUDA", "CUDA_OPTIONS", "MEMORY_VARIABLE", "OUT_OF_MEMORY", "PROVIDER_VARIABLE", "SECONDS_VARIABLE",
    "SESSION_ERRORS", "VERSION", "Cost", "Model", "check_cost", "check_knobs", "check_run", "choose_provider",
    "estimate", "estimate_text", "fits", "leaves_gpu_unused", "open_model", "provider", "run", "trial_problem",
]  # fmt: skip
