"""What the machine is and how fast it can be: matrix products of each precision, and moving memory."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import onnxruntime as ort
import torch

from explorer import runtime
from explorer.bench.gpu.setting import PROVIDER_ERRORS, Row, Setting, why

SIDE, TINY_SIDE = 8192, 256
COPIED_BYTES, TINY_BYTES = 1 << 30, 1 << 22
ROUNDS = 3
PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def rows(setting: Setting) -> Iterator[Row]:
    """Where ONNX Runtime runs and why, what is installed, then rates: 1e12 operations and 1e12 bytes a second."""
    used, reason = runtime.provider()
    yield {"fact": "runs on", "value": reason, "provider": used, "torch_cuda": torch.cuda.is_available()}
    for fact, value in _facts(setting).items():
        yield {"fact": fact, "value": value}
    for precision in PRECISIONS:
        try:
            yield {"rate": f"product {precision}", "value": product_rate(setting, precision), "unit": "TFLOP/s"}
        except PROVIDER_ERRORS as error:
            yield {"rate": f"product {precision}", "failed": why(error)}
    yield {"rate": "memory", "value": memory_rate(setting), "unit": "TB/s"}


def _facts(setting: Setting) -> dict[str, str]:
    facts = {
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "versions": f"Python {platform.python_version()}, PyTorch {torch.__version__}, "
        f"ONNX Runtime {ort.__version__}, onnx {onnx.__version__}, NumPy {np.__version__}",
    }
    if setting.device == "cuda":
        about = torch.cuda.get_device_properties(0)
        facts["GPU"] = (
            f"{about.name}, {about.total_memory / 1e9:.0f} GB, compute capability {about.major}.{about.minor}"
        )
        facts["CUDA"] = f"{torch.version.cuda} of PyTorch"
    return facts


def synchronize(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def allow_tf32(allowed: bool) -> None:
    """Whether torch's products and convolutions may round float32 factors to TensorFloat-32."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def product_rate(setting: Setting, precision: str) -> float:
    """1e12 operations a second (2n³ for each) of torch's product of two square matrices; the fastest of 3 rounds."""
    side = TINY_SIDE if setting.tiny else SIDE
    allow_tf32(precision == "tf32")
    left, right = (torch.randn(side, side, device=setting.device, dtype=PRECISIONS[precision]) for _ in range(2))
    seconds = _fastest(lambda: left @ right, setting)
    allow_tf32(False)
    return 2 * side**3 / seconds / 1e12


def memory_rate(setting: Setting) -> float:
    """1e12 bytes a second, read and written, of a copy within the device's memory; the fastest of 3 rounds."""
    count = (TINY_BYTES if setting.tiny else COPIED_BYTES) // 4
    source, target = (torch.zeros(count, device=setting.device) for _ in range(2))
    return 2 * 4 * count / _fastest(lambda: target.copy_(source), setting) / 1e12


@torch.inference_mode()
def _fastest(work: Callable[[], object], setting: Setting, repeats: int = 10) -> float:
    """Seconds of one call: the fastest round of so many calls that the device does in a row."""
    rounds = []
    for _ in range(1 + ROUNDS):
        synchronize(setting.device)
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        synchronize(setting.device)
        rounds.append((time.perf_counter() - start) / repeats)
    return min(rounds[1:])
