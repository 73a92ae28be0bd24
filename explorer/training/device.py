"""Where a run computes: device, precision, and whether the network can be compiled there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from typing import Any

import torch

from explorer.errors import ExplorerError

COMPILERS = ("g++", "clang++")
"""What torch.compile builds with on a CPU, unless the variable CXX names another."""


def pick_device(name: str) -> torch.device:
    """auto is a GPU where there is one. Raises ExplorerError for a device that is not there."""
    if name not in ("auto", "cpu", "cuda"):
        raise ExplorerError(f"--device {name} should be auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise ExplorerError("--device cuda: this torch finds no GPU; use --device cpu.")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16: as asked for, or where the device multiplies it faster than float32."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def compiled(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The function compiled as one graph for each shape. Raises ExplorerError on a CPU without a C++ compiler."""
    names = (os.environ["CXX"],) if "CXX" in os.environ else COMPILERS
    if device.type == "cpu" and not any(map(shutil.which, names)):
        raise ExplorerError(f"--compile needs a C++ compiler ({' or '.join(names)}): install one, or leave it out.")
    # On a CPU the matcher would put torch's fused attention in place of the matrix products, which in bfloat16 halves
    # the speed of training a ViT.
    options: Any = {"pattern_matcher": False} if device.type == "cpu" else None
    return torch.compile(function, fullgraph=True, dynamic=False, options=options)
