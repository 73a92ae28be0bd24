"""The families by name, as recipes and model cards write them."""

from explorer.models.crate import Crate
from explorer.models.crate_alpha import CrateAlpha
from explorer.models.crate_lm import CrateLM
from explorer.models.gpt import GPT
from explorer.models.nano_crate import NanoCrate
from explorer.models.vit import ViT

FAMILIES: dict[str, type[Crate] | type[ViT]] = {"crate": Crate, "crate_alpha": CrateAlpha, "vit": ViT}
"""Of pictures."""
TEXT_FAMILIES: dict[str, type[CrateLM] | type[GPT]] = {"crate_lm": CrateLM, "gpt": GPT}
"""Of texts, which recipes can train."""
READ_TEXT_FAMILIES = TEXT_FAMILIES | {"nanochat_crate": NanoCrate}
"""Of texts, which can be imported."""
NORM_EPS = {"crate": 1e-5, "crate_alpha": 1e-6, "vit": 1e-6}
"""Epsilon of the block norms in the released code of each family of pictures."""
