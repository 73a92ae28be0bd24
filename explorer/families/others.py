"""Networks of pictures that people have files of and that are not imported: each is refused by its name."""

from explorer.families.record import Unsupported

STAGES = r"(?:^|\.)(?:layers|stages|encoder\.layers|encoder\.stages)\.\d+\."

OTHER_VISION = (
    Unsupported(
        label="Swin", signature=rf"{STAGES}(?:blocks\.\d+\..*(?:relative_position|logit_scale)|downsample\.norm)"
    ),
    Unsupported(label="ConvNeXt", signature=r"\.(?:conv_dw|dwconv)\.weight$"),
    Unsupported(label="ResNet", signature=r"^(?:layer4\.0\.conv1\.weight|resnet\.encoder\.stages\.)"),
    Unsupported(
        label="ViT with a gated MLP (SwiGLU)",
        signature=r"\.mlp\.(?:w12|w3|weights_in|fc1_g)\.(?:weight|bias)$",
    ),
    Unsupported(
        label="DINOv3", signature=r"^(?:rope_embed\.|storage_tokens$)|(?:^|\.)embeddings\.patch_embeddings\.weight$"
    ),
    Unsupported(label="EVA", signature=r"^blocks\.\d+\.attn\.(?:q_proj|inner_attn_ln|rope)"),
    Unsupported(
        label="BEiT",
        signature=r"relative_position_bias_table$|rel_pos_bias|^blocks\.\d+\.attn\.q_bias$|^beit\.|\.lambda_[12]$",
    ),
    Unsupported(label="CaiT", signature=r"^blocks_token_only\."),
)
"""In this order, after the families of CRATE and before the ViT, whose names some of them have, too."""
