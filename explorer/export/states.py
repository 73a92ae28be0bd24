"""Which sets of weights a checkpoint holds: state dicts in its wrappers, behind prefixes, plain or averaged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from explorer import families
from explorer.export.tensors import NotACheckpointError, Stored, no_plain_numbers
from explorer.export.unpickle import Opaque

STATE_KEYS = ("state_dict", "model", "model_state_dict", "model_state", "module", "net", "student")
"""Where wrappers keep the plain weights, those that are taken first in front; the released code uses the first two."""
AVERAGES = {"ema", "teacher", "momentum", "averaged", "average", "swa"}
"""Words in the names of sets that are running averages of the plain weights."""
PREFIXES = re.compile(
    r"(?:(?:module|model|net|network|backbone|encoder|trunk|student|teacher|ema|model_ema|ema_model|base_encoder"
    r"|momentum_encoder)\.)*"
)
INSERTED = re.compile(r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What torch.compile, FSDP and activation checkpointing put into names, at any depth."""
TRAINING_HEADS = re.compile(
    r"(?:head\.(?:mlp|last_layer\d?|\d+)|(?:dino|ibot|moco|proj|projection)_head|projector|projection|predictor"
    r"|prototypes|queue|queue_ptr|center|criterion|\w*loss\w*|n_averaged)(?:\.|$)"
)
"""Parts that training needs and the network does not: projection heads and losses of DINO, iBOT, MoCo, SwAV, SimCLR."""
CLASSIFIERS = re.compile(r"(?:heads?|classifier|fc|linear)\.")
"""Left out, too, where they stand beside a prefix and not behind it: the network inside is whole without them."""
MOST_LEVELS = 5


@dataclass(frozen=True)
class WeightSet:
    """One set of weights of a file. path: the keys of the wrapper that lead to it; prefix: what stood before each name;
    tensors by bare name; left_out: names of a training head beside them; family: its label, None for an unknown one."""

    path: tuple[str, ...]
    prefix: str
    tensors: dict[str, Stored]
    left_out: tuple[str, ...]
    family: str | None
    name: str = "plain"

    @property
    def parts(self) -> tuple[str, ...]:
        return (*self.path, *self.prefix.split(".")[:-1])

    @property
    def average(self) -> bool:
        return bool({word for part in self.parts for word in part.lower().split("_")} & AVERAGES)

    @property
    def where(self) -> str:
        """Where it stands, in words."""
        behind = f"behind the prefix {self.prefix}" if self.prefix else ""
        return " ".join(filter(None, [f"in {'.'.join(self.path)}" if self.path else "", behind]))


def weight_sets(loaded: Any) -> list[WeightSet]:
    """The sets of a file's object that some family has, in the order in which they are taken: plain ones first.

    Where no family has one, the largest alone, as it is. Raises NotACheckpointError where there are no tensors.
    """
    if not isinstance(loaded, dict):
        kind = "Tensor" if isinstance(loaded, Stored) else type(loaded).__name__
        raise NotACheckpointError(f"it holds a {kind}, not a state dict")
    states = list(_states(loaded, (), set()))
    if not states:
        top = ", ".join(str(key) for key in list(loaded)[:6] if isinstance(key, str))
        raise NotACheckpointError(f"it holds no tensors (top-level keys: {top or 'none'})")
    known = [one for path, state in states for one in _known(path, state)]
    if not known:
        return [_unknown(*max(states, key=lambda found: len(found[1])))]
    return sorted(known, key=lambda one: (one.average, _rank(one.path)))


def choose(sets: list[WeightSet], asked: str | None) -> WeightSet:
    """The set of a name, of a part of its name, or of a word in it; the first without. Raises NotACheckpointError."""
    if asked is None:
        return sets[0]
    want = asked.lower()
    ways = (
        [one for one in sets if one.name.lower() == want],
        [one for one in sets if want in map(str.lower, one.parts)],
        [one for one in sets if any(want in part.lower().split("_") for part in one.parts)],
    )
    found = next((way for way in ways if way), [])
    if len(found) != 1:
        names = ", ".join(one.name for one in found or sets)
        raise NotACheckpointError(f"its weights are {names}: {asked} names {'several' if found else 'none'} of them")
    return found[0]


def _rank(path: tuple[str, ...]) -> int:
    return min((STATE_KEYS.index(key) for key in path if key in STATE_KEYS), default=len(STATE_KEYS) if path else 0)


def _states(value: Any, path: tuple[str, ...], seen: set[int]) -> Iterator[tuple[tuple[str, ...], dict[str, Stored]]]:
    """Every dictionary of tensors, with the keys that lead to it; a whole module counts as its state dict."""
    if not isinstance(value, dict) or id(value) in seen or len(path) > MOST_LEVELS:
        return
    seen.add(id(value))
    if module := _module_parts(value):
        yield path, dict(_of_module(*module, "", 0))
        return
    named = {key: one for key, one in value.items() if isinstance(key, str)}
    tensors = {INSERTED.sub("", key): one for key, one in named.items() if isinstance(one, Stored)}
    if tensors:
        odd = next((key for key, one in named.items() if _is_odd_tensor(one)), None)
        if odd:
            raise NotACheckpointError(no_plain_numbers(odd))
        yield path, tensors
    for key, one in named.items():
        if not key.startswith("optim"):
            yield from _states(one, (*path, key), seen)


def _is_odd_tensor(value: Any) -> bool:
    """Whether it is the stand-in of a tensor that torch builds in another way: sparse, quantised, without values."""
    return isinstance(value, Opaque) and value.kind.startswith("torch._utils._rebuild")


def _module_parts(value: Any) -> tuple[dict, dict, dict] | None:
    """Parameters, buffers that are kept, and parts of a module that was pickled whole (torch.save(model, …))."""
    state = value.state if isinstance(value, Opaque) and isinstance(value.state, dict) else {}
    parameters, buffers, parts = (state.get(key) for key in ("_parameters", "_buffers", "_modules"))
    if not (isinstance(parameters, dict) and isinstance(buffers, dict) and isinstance(parts, dict)):
        return None
    unkept = state.get("_non_persistent_buffers_set")
    unkept = unkept if isinstance(unkept, set) else set()
    return parameters, {name: one for name, one in buffers.items() if name not in unkept}, parts


def _of_module(parameters: dict, buffers: dict, parts: dict, before: str, level: int) -> Iterator[tuple[str, Stored]]:
    for name, one in [*parameters.items(), *buffers.items()]:
        if isinstance(one, Stored):
            yield INSERTED.sub("", f"{before}{name}"), one
    for name, one in parts.items():
        inner = _module_parts(one)
        if inner and level < 4 * MOST_LEVELS:
            yield from _of_module(*inner, f"{before}{name}.", level + 1)


def _known(path: tuple[str, ...], state: dict[str, Stored]) -> list[WeightSet]:
    """The sets of a dictionary that a family has: each behind the longest prefix that makes its names known."""
    rest, found = dict(state), []
    for prefix in sorted({start for name in state for start in _starts(name)}, key=len, reverse=True):
        inner = {name.removeprefix(prefix): one for name, one in rest.items() if name.startswith(prefix)}
        if family := families.recognised(inner):
            found.append((prefix, inner, family.label))
            rest = {name: one for name, one in rest.items() if not name.startswith(prefix)}
    beside = tuple(name for name in rest if _is_beside(PREFIXES.sub("", name, count=1)))
    strays = {name: one for name, one in rest.items() if name not in beside}  # refused by their names, when identified
    return [
        _set(path, prefix if len(found) > 1 else "", prefix, inner | strays, beside, label)
        for prefix, inner, label in found
    ]


def _is_beside(name: str) -> bool:
    return bool(TRAINING_HEADS.match(name) or CLASSIFIERS.match(name))


def _set(
    path: tuple[str, ...], apart: str, prefix: str, tensors: dict[str, Stored], beside: tuple[str, ...], label: str
) -> WeightSet:
    """apart: the prefix where it tells sets of one dictionary apart."""
    heads = tuple(name for name in tensors if TRAINING_HEADS.match(name))
    kept = {name: one for name, one in tensors.items() if name not in heads}
    return WeightSet(path, prefix, kept, (*heads, *beside), label, ".".join([*path, *apart.split(".")[:-1]]) or "plain")


def _unknown(path: tuple[str, ...], state: dict[str, Stored]) -> WeightSet:
    """A set that no family has, without the prefix that all its names share."""
    shared = [start for start in _starts(next(iter(state))) if all(name.startswith(start) for name in state)]
    bare = {name.removeprefix(shared[-1]): one for name, one in state.items()}
    return WeightSet(path, shared[-1], bare, (), None, ".".join(path) or "plain")


def _starts(name: str) -> list[str]:
    """ "", "module.", "module.backbone." of module.backbone.cls_token."""
    matched = PREFIXES.match(name)
    parts = matched[0].split(".")[:-1] if matched else []
    return ["".join(f"{part}." for part in parts[:count]) for count in range(len(parts) + 1)]
