"""Everything Streamlit that pages share: the view, the sidebar, caches and widgets."""

from explorer.ui.batch import many_photos
from explorer.ui.caches import warm_up
from explorer.ui.common import (
    COMPRESSION_CAPTION,
    ICON,
    SPARSITY_CAPTION,
    choose_photo,
    fragment,
    glossary,
    heading,
    layer_slider,
    page_part,
    plot,
    provider_line,
    segments,
    show_problem,
    style,
    title,
    top_line,
)
from explorer.ui.compare import compare_lens, layers_go, prediction_table, shown_rows
from explorer.ui.compared import chosen_sides
from explorer.ui.difference import difference_figures, difference_lens, difference_table
from explorer.ui.embedding_map import row_map
from explorer.ui.embeddings import counted_rows, language_card, measured_curves, token_code, token_neighbours
from explorer.ui.evaluation import evaluations
from explorer.ui.experiment import (
    drawn,
    experiment_presets,
    experiment_run,
    experiment_setting,
    step_player,
    what_to_look_for,
)
from explorer.ui.experiment_view import (
    code_maps,
    code_note,
    experiment_download,
    experiment_formulas,
    experiment_readings,
    overshoot_note,
    own_share_steps,
    rate_kind,
    rate_steps,
    sparse_steps,
    token_clouds,
)
from explorer.ui.features import (
    code_card,
    code_number,
    code_search,
    feature_data,
    feature_overview,
    index_caption,
    strongest_code,
    token_codes,
)
from explorer.ui.film import Film, film_lens, film_of_run, film_sheet
from explorer.ui.first import first_lens, prepare
from explorer.ui.generate import generation, sampling_settings
from explorer.ui.geometry import weight_geometry
from explorer.ui.knobs import (
    before_and_after,
    gain_panel,
    ghost_note,
    knob_curves,
    page_follows,
    prediction_change,
    step_panel,
    turned_view,
)
from explorer.ui.layers import (
    equations,
    layer_bar,
    layer_downloads,
    layers_lens,
    rate_position,
    sparsity_caption,
    threshold_note,
)
from explorer.ui.layout import cloud_layout
from explorer.ui.ledger import (
    BOUNDS_CAPTION,
    LEDGER_CAPTION,
    TABLE_CAPTION,
    bounds_figure,
    distortion,
    heads_figure,
    ledger_figure,
    ledger_lens,
    ledger_note,
    ledger_settings,
    ledger_table,
    verdict,
)
from explorer.ui.lens import draw_lens, lens_choice
from explorer.ui.menu import navigation
from explorer.ui.models import import_form, remove_form, zoo_table
from explorer.ui.ranking import head_ranking
from explorer.ui.reader import text_lens
from explorer.ui.segment import mask_comparison, prediction_caption, segment_downloads, segment_lens, segment_settings
from explorer.ui.sidebar import draw as draw_sidebar
from explorer.ui.subspaces import cloud_caption, cloud_note, cloud_settings, cloud_tokens, linked_cloud
from explorer.ui.take_away import take_away
from explorer.ui.text_cloud import text_cloud
from explorer.ui.text_compare import text_comparison, text_sides
from explorer.ui.text_layers import text_knobs, text_layers, token_place
from explorer.ui.text_view import TextView, current_text
from explorer.ui.theory import theory_fit
from explorer.ui.view import View, current_view
from explorer.ui.whiteness import distortion_curves, whiteness_curves

__all__ = [
    "BOUNDS_CAPTION",
    "COMPRESSION_CAPTION",
    "ICON",
    "LEDGER_CAPTION",
    "SPARSITY_CAPTION",
    "TABLE_CAPTION",
    "Film",
    "TextView",
    "View",
    "before_and_after",
    "bounds_figure",
    "choose_photo",
    "chosen_sides",
    "cloud_caption",
    "cloud_layout",
    "cloud_note",
    "cloud_settings",
    "cloud_tokens",
    "code_card",
    "code_maps",
    "code_note",
    "code_number",
    "code_search",
    "compare_lens",
    "counted_rows",
    "current_text",
    "current_view",
    "difference_figures",
    "difference_lens",
    "difference_table",
    "distortion",
    "distortion_curves",
    "draw_lens",
    "draw_sidebar",
    "drawn",
    "equations",
    "evaluations",
    "experiment_download",
    "experiment_formulas",
    "experiment_presets",
    "experiment_readings",
    "experiment_run",
    "experiment_setting",
    "feature_data",
    "feature_overview",
    "film_lens",
    "film_of_run",
    "film_sheet",
    "first_lens",
    "fragment",
    "gain_panel",
    "generation",
    "ghost_note",
    "glossary",
    "head_ranking",
    "heading",
    "heads_figure",
    "import_form",
    "index_caption",
    "knob_curves",
    "language_card",
    "layer_bar",
    "layer_downloads",
    "layer_slider",
    "layers_go",
    "layers_lens",
    "ledger_figure",
    "ledger_lens",
    "ledger_note",
    "ledger_settings",
    "ledger_table",
    "lens_choice",
    "linked_cloud",
    "many_photos",
    "mask_comparison",
    "measured_curves",
    "navigation",
    "overshoot_note",
    "own_share_steps",
    "page_follows",
    "page_part",
    "plot",
    "prediction_caption",
    "prediction_change",
    "prediction_table",
    "prepare",
    "provider_line",
    "rate_kind",
    "rate_position",
    "rate_steps",
    "remove_form",
    "row_map",
    "sampling_settings",
    "segment_downloads",
    "segment_lens",
    "segment_settings",
    "segments",
    "show_problem",
    "shown_rows",
    "sparse_steps",
    "sparsity_caption",
    "step_panel",
    "step_player",
    "strongest_code",
    "style",
    "take_away",
    "text_cloud",
    "text_comparison",
    "text_knobs",
    "text_layers",
    "text_lens",
    "text_sides",
    "theory_fit",
    "threshold_note",
    "title",
    "token_clouds",
    "token_code",
    "token_codes",
    "token_neighbours",
    "token_place",
    "top_line",
    "turned_view",
    "verdict",
    "warm_up",
    "weight_geometry",
    "what_to_look_for",
    "whiteness_curves",
    "zoo_table",
]
