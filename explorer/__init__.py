"""CRATE Explorer: look inside white-box transformers, one layer of compression and sparsification at a time.

In a notebook or a script:

    import explorer

    model = explorer.open("crate-objects")        # or the path of an .onnx; explorer.model_names() lists the zoo
    trace = model.trace("photo.jpg", stride=4)    # or a gallery photo's name, a PIL image, an array; or a text
    trace.z(3)                                    # Z³, (N,d); explorer.measures makes numbers of it
    model.report("photo.jpg")                     # shows itself in Jupyter

explorer.notebook has it all. Importing this package loads nothing: what is named here is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explorer import figures, measures
    from explorer.errors import ExplorerError
    from explorer.notebook import model_names, open
    from explorer.trace import Knobs

__all__ = ["ExplorerError", "Knobs", "figures", "measures", "model_names", "open"]
_HOMES = {"ExplorerError": "errors", "Knobs": "trace", "model_names": "notebook", "open": "notebook"}
"""Name → the module that has it; the other names are modules."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOMES.get(name, name)}")
    return getattr(module, name) if name in _HOMES else module


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
