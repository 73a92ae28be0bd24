"""Networks of pictures that people have files of and that are not imported: each is refused by its name."""

from explorer.families.record import Unsupported

BLOCK = r"(?:layers|stages)\.\d+\.blocks\.\d+\.(?:attn|attention(?:\.self)?)"
STAGE = r"stages\.\d+\.(?:blocks\.|layers\.)?\d+"

OTHER_VISION = (
    Unsupported(label="Swin", signature=rf"{BLOCK}\.(?:relative_position|logit_scale|continuous_position)"),
    Unsupported(label="ConvNeXt", signature=rf"{STAGE}\.(?:conv_dw|dwconv)\.weight$"),
    Unsupported(
        label="ResNet",
        signature=r"^(?:layer4\.0\.conv1\.weight$|(?:resnet\.)?encoder\.stages\.\d+\.layers\.\d+\.layer\.)",
    ),
    Unsupported(label="gated ViT (SwiGLU)", signature=r"\.mlp\.(?:w12|w3|weights_in|fc1_g)\.(?:weight|bias)$"),
    Unsupported(label="DINOv3", signature=r"^(?:rope_embed\.|storage_tokens$|embeddings\.patch_embeddings\.weight$)"),
    Unsupported(
        label="BEiT or EVA",
        signature=r"^(?:beit\.|rel_pos_bias\.|blocks\.\d+\.attn\.(?:relative_position|q_bias|q_proj|inner_attn_ln)"
        r"|(?:encoder\.layer|layers)\.\d+\.lambda_[12]$)",
    ),
    Unsupported(label="CaiT", signature=r"^blocks_token_only\."),
    Unsupported(label="Twins", signature=r"^pos_block\."),
    Unsupported(label="TNT", signature=r"^blocks\.\d+\.attn_in\."),
    Unsupported(label="Hiera or MViT", signature=r"^blocks\.\d+\.proj\.weight$"),
)
"""Before the ViT, whose names some of them have, too."""
