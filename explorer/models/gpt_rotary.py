"""The transformer twin of the rotary CRATE language model: a GPT with rotary positions and normalised queries and keys.

As GPT, but without learned positions; query = RMS(R_n q), key = RMS(R_n k) in every head, values as they are. Parameter
names are nanoGPT's but for wpe, which is not there; so are the files.
"""

from __future__ import annotations

from torch import Tensor

from explorer.models.crate_lm import TextSize
from explorer.models.crate_lm_rotary import turned_rms
from explorer.models.gpt import GPT, CausalSelfAttention, GPTBlock
from explorer.models.parts import attention, heads_of


class TurnedSelfAttention(CausalSelfAttention):
    """Multi-head self-attention whose queries and keys are turned by their places and have length √p."""

    def __init__(self, size: TextSize) -> None:
        super().__init__(size)
        self.eps = size.norm_eps

    def forward(self, x: Tensor, gain: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """x (B,N,d), normalised → (update (B,N,d); query and key (B,K,N,p), turned and normalised)."""
        query, key, value = (heads_of(part, self.heads) for part in self.c_attn(x).chunk(3, dim=-1))
        query, key = turned_rms(query, self.eps), turned_rms(key, self.eps)
        return self.c_proj(attention(query, key, value, gain, causal=True)), query, key


class GPTRotary(GPT):
    """The rotary GPT. forward returns every trace point by its name in the ONNX contract."""

    learned_positions = False

    def build_block(self) -> GPTBlock:
        block = super().build_block()
        block.attn = TurnedSelfAttention(self.size)
        return block
