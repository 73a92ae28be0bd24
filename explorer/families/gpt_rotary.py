"""GPT with rotary positions and queries and keys of one length: the twin of the rotary CRATE-LM."""

from dataclasses import replace

from explorer.families.gpt import GPT
from explorer.families.record import Training
from explorer.families.vit import black_box_notes

GPT_ROTARY = replace(
    GPT,
    name="gpt_rotary",
    label="Rotary GPT",
    rotary=True,
    lacks="transformer.wpe.weight",
    shapes=replace(GPT.shapes, positions=""),
    notes=black_box_notes("rotary GPT"),
    network="explorer.models.gpt_rotary:GPTRotary",
    sizes="explorer.export.identify_text:rotary_size",
    graph="explorer.export.graphs.rotary:gpt_rotary",
    training=Training(arch="GPT rotary", wrapper="nanogpt", ending=".pt", head=""),
)
