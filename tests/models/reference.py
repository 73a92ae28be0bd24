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


def resized_positions(
    embedding: np.ndarray, rows: int, cols: int, placed: int = 1, grid: tuple[int, int] | None = None
) -> np.ndarray:
    """(1,placed+n,d) → (placed+rows·cols,d); the first rows belong to CLS and others in front, and stay."""
    side = round((embedding.shape[1] - placed) ** 0.5)
    high, wide = grid or (side, side)
    cells = embedding[0, placed:].reshape(high, wide, -1)
    moved = np.einsum("ri,cj,ijd->rcd", cubic_matrix(high, rows), cubic_matrix(wide, cols), cells)
    return np.concatenate([embedding[0, :placed], moved.reshape(rows * cols, -1)])


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
    """A ViT of whatever parts the state dict has; size tells the heads, the epsilon, how it is pooled and its grid."""
    form, eps = size.form, size.norm_eps

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        return x @ state[f"{name}.weight"].T + state.get(f"{name}.bias", 0.0)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        return layer_norm(x, state, name, eps) if f"{name}.weight" in state else x

    points: Points = {}
    tokens = np.einsum("bncij,dcij->bnd", windows, state["patch_embed.proj.weight"])
    tokens = tokens + state.get("patch_embed.proj.bias", 0.0)
    front = [state[name][0] for name in ("cls_token", "dist_token", "reg_token") if name in state]
    count = sum(map(len, front))
    places = resized_positions(state["pos_embed"], rows, cols, form.placed, size.grid)
    tokens = tokens + places[form.placed :]
    if front:
        standing = np.concatenate(front)
        standing = standing + np.pad(places[: form.placed], ((0, count - form.placed), (0, 0)))
        tokens = np.concatenate([np.broadcast_to(standing, (len(tokens), *standing.shape)), tokens], 1)
    z = norm(tokens, "norm_pre")
    for i in range(size.layers):
        points[f"z.{i + 1}"] = z
        qkv = linear(norm(z, f"blocks.{i}.norm1"), f"blocks.{i}.attn.qkv")
        query, key, value = (split(part, size.heads) for part in np.split(qkv, 3, -1))
        points[f"query.{i + 1}"], points[f"key.{i + 1}"] = query, key
        update = linear(attend(query, key, value, gain[i]), f"blocks.{i}.attn.proj")
        z_half = z + state.get(f"blocks.{i}.ls1.gamma", 1.0) * update
        points[f"z_half.{i + 1}"] = z_half
        hidden = linear(norm(z_half, f"blocks.{i}.norm2"), f"blocks.{i}.mlp.fc1")
        mlp = linear(hidden * (1 + erf(hidden / np.sqrt(2))) / 2, f"blocks.{i}.mlp.fc2")
        z = z_half + state.get(f"blocks.{i}.ls2.gamma", 1.0) * mlp
    points[f"z.{size.layers + 1}"] = z
    z = norm(z, "norm")
    mean = z[:, count:].mean(1)
    pooled = {"token": z[:, 0], "avg": mean, "both": np.concatenate([z[:, 0], mean], -1)}[form.pool]
    pooled = norm(pooled, "fc_norm")
    if "head.weight" not in state:
        return points | {"features": pooled}
    scores = linear(pooled, "head")
    if "head_dist.weight" in state:
        scores = (scores + linear(z[:, 1], "head_dist")) / 2
    return points | {"logits": scores}
