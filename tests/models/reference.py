"""The networks once more, in NumPy and float64, written from the equations and the checkpoint formats alone."""

import numpy as np
from scipy.special import erf

from explorer.models.crate import Size

Points = dict[str, np.ndarray]


def layer_norm(x: np.ndarray, state: Points, name: str, eps: float) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def cut(image: np.ndarray, patch: int, stride: int) -> tuple[np.ndarray, int, int]:
    """(B,3,H,W) → windows (B,rows·cols,3,P,P), row by row, with rows and cols."""
    tops = range(0, image.shape[2] - patch + 1, stride)
    lefts = range(0, image.shape[3] - patch + 1, stride)
    windows = [image[:, :, top : top + patch, left : left + patch] for top in tops for left in lefts]
    return np.stack(windows, 1), len(tops), len(lefts)


def cubic_matrix(before: int, after: int) -> np.ndarray:
    """(after, before): cubic convolution with a = −3/4, sample centres at (i + ½)·before/after − ½, edges repeated."""
    a, matrix = -0.75, np.zeros((after, before))
    for i in range(after):
        centre = (i + 0.5) * before / after - 0.5
        for tap in range(int(np.floor(centre)) - 1, int(np.floor(centre)) + 3):
            x = abs(centre - tap)
            near, far = (a + 2) * x**3 - (a + 3) * x**2 + 1, a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
            matrix[i, min(max(tap, 0), before - 1)] += near if x <= 1 else far
    return matrix


def resized_positions(embedding: np.ndarray, rows: int, cols: int) -> np.ndarray:
    """(1,1+n,d) → (1+rows·cols,d); row 0 belongs to the CLS token and stays."""
    grid = round((embedding.shape[1] - 1) ** 0.5)
    cells = embedding[0, 1:].reshape(grid, grid, -1)
    moved = np.einsum("ri,cj,ijd->rcd", cubic_matrix(grid, rows), cubic_matrix(grid, cols), cells)
    return np.concatenate([embedding[0, :1], moved.reshape(rows * cols, -1)])


def with_cls(state: Points, tokens: np.ndarray, positions: str, rows: int, cols: int) -> np.ndarray:
    cls = np.broadcast_to(state["cls_token"], (len(tokens), 1, tokens.shape[-1]))
    return np.concatenate([cls, tokens], 1) + resized_positions(state[positions], rows, cols)


def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """(B,K,N,p) three times and (K,) → heads side by side (B,N,K·p)."""
    width = query.shape[-1]
    heads = softmax(query @ key.swapaxes(-1, -2) * width**-0.5) @ value * gain[:, None, None]
    return np.concatenate(list(heads.swapaxes(0, 1)), -1)


def split(x: np.ndarray, heads: int) -> np.ndarray:
    """(B,N,K·p) → (B,K,N,p), head k from columns kp to (k+1)p."""
    return np.stack(np.split(x, heads, -1), 1)


def ista(z: np.ndarray, D: np.ndarray, eta: float, lam: float) -> np.ndarray:
    """ReLU(z + η Dᵀ(z − Dz) − ηλ) for each token z, a row here."""
    return np.maximum(z + eta * (z - z @ D.T) @ D - eta * lam, 0)


def odl_codes(x: np.ndarray, D: np.ndarray, eta: float, lam: float) -> np.ndarray:
    """A₀ = 0, then A ← ReLU(A − η Dᵀ(DA − x) − ηλ) twice."""
    A = np.zeros((*x.shape[:-1], D.shape[1]))
    for _ in range(2):
        A = np.maximum(A - eta * (A @ D.T - x) @ D - eta * lam, 0)
    return A


def forward(family: str, state: Points, size: Size, image: np.ndarray, stride: int, gain, eta, lam) -> Points:
    """Every trace point of the network. gain (L,K), eta and lam (L,)."""
    state = {name: array.astype(np.float64) for name, array in state.items()}
    windows, rows, cols = cut(image.astype(np.float64), size.patch, stride)
    if family == "vit":
        return vit(state, size, windows, rows, cols, gain)
    return crate(family == "crate_alpha", state, size, windows, rows, cols, gain, eta, lam)


def crate(alpha: bool, state: Points, size: Size, windows, rows, cols, gain, eta, lam) -> Points:
    eps, points = (1e-6 if alpha else 1e-5), {}
    if alpha:
        tokens = np.einsum("bncij,dcij->bnd", windows, state["conv1.weight"]) + state["conv1.bias"]
    else:
        x = windows.transpose(0, 1, 3, 4, 2).reshape(*windows.shape[:2], -1)  # (p1 p2 c)
        x = layer_norm(x, state, "to_patch_embedding.1", 1e-5)
        x = x @ state["to_patch_embedding.2.weight"].T + state["to_patch_embedding.2.bias"]
        tokens = layer_norm(x, state, "to_patch_embedding.3", 1e-5)
    z = with_cls(state, tokens, "pos_embedding", rows, cols)
    for i in range(size.layers):
        mssa, sparse = f"transformer.layers.{i}.0", f"transformer.layers.{i}.1"
        points[f"z.{i + 1}"] = z
        u = split(layer_norm(z, state, f"{mssa}.norm", eps) @ state[f"{mssa}.fn.qkv.weight"].T, size.heads)
        update = attend(u, u, u, gain[i])
        if f"{mssa}.fn.to_out.0.weight" in state:
            update = update @ state[f"{mssa}.fn.to_out.0.weight"].T + (
                0 if alpha else state[f"{mssa}.fn.to_out.0.bias"]
            )
        points[f"subspace.{i + 1}"], points[f"z_half.{i + 1}"] = u, (z_half := z + update)
        x = layer_norm(z_half, state, f"{sparse}.norm", eps)
        if alpha:
            points[f"codes.{i + 1}"] = codes = odl_codes(x, state[f"{sparse}.fn.D"], eta[i], lam[i])
            z = z_half + codes @ state[f"{sparse}.fn.D1"].T
        else:
            z = ista(x, state[f"{sparse}.fn.weight"], eta[i], lam[i])
    points[f"z.{size.layers + 1}"] = z
    cls = layer_norm(z[:, 0], state, "mlp_head.0", 1e-5)
    return points | {"logits": cls @ state["mlp_head.1.weight"].T + state["mlp_head.1.bias"]}


def vit(state: Points, size: Size, windows, rows, cols, gain) -> Points:
    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    points: Points = {}
    tokens = np.einsum("bncij,dcij->bnd", windows, state["patch_embed.proj.weight"]) + state["patch_embed.proj.bias"]
    z = with_cls(state, tokens, "pos_embed", rows, cols)
    for i in range(size.layers):
        points[f"z.{i + 1}"] = z
        qkv = linear(layer_norm(z, state, f"blocks.{i}.norm1", 1e-6), f"blocks.{i}.attn.qkv")
        query, key, value = (split(part, size.heads) for part in np.split(qkv, 3, -1))
        points[f"query.{i + 1}"], points[f"key.{i + 1}"] = query, key
        z_half = z + linear(attend(query, key, value, gain[i]), f"blocks.{i}.attn.proj")
        points[f"z_half.{i + 1}"] = z_half
        hidden = linear(layer_norm(z_half, state, f"blocks.{i}.norm2", 1e-6), f"blocks.{i}.mlp.fc1")
        z = z_half + linear(hidden * (1 + erf(hidden / np.sqrt(2))) / 2, f"blocks.{i}.mlp.fc2")
    points[f"z.{size.layers + 1}"] = z
    return points | {"logits": linear(layer_norm(z[:, 0], state, "norm", 1e-6), "head")}
