"""Which models are there, where do they come from, and how is another one brought in?"""

from explorer import ui

ui.title("Models")
ui.provider_line()
chosen = ui.zoo_table()
ui.heading(
    "How well do they do?", "Measured on data with `crate-explorer evaluate`, each beside its random-init control."
)
ui.evaluations(chosen)
ui.heading(
    "Import a model", "An official checkpoint becomes a traced ONNX model, checked against torch before it is kept."
)
ui.import_form()
ui.heading("Remove a model", "Deletes the exported file; the checkpoint that it came from is not touched.")
ui.remove_form()
