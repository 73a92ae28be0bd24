"""Which models are there, where do they come from, and how is another one brought in?"""

from explorer.ui.frame.page import provider_line, title
from explorer.ui.frame.widgets import heading
from explorer.ui.sections.models.evaluations import evaluations
from explorer.ui.sections.models.zoo import import_form, models_table, remove_form, zoo_table
from explorer.ui.view.take_away import take_away

title("Models")
provider_line()
chosen = zoo_table()
heading("How well do they do?", "Measured on data with `crate-explorer evaluate`, each beside its random-init control.")
evaluations(chosen)
heading(
    "Import a model", "An official checkpoint becomes a traced ONNX model, checked against torch before it is kept."
)
import_form()
heading("Remove a model", "Deletes the exported file; the checkpoint that it came from is not touched.")
remove_form()
take_away(table=models_table())
