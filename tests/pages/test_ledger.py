"""The Ledger page under AppTest: every family, its settings, what it says in words."""

import re

import numpy as np
import pytest

from explorer.measures import rates
from tests.pages.test_every_page import texts


def numbers_of(app) -> list[tuple[int, int]]:
    """The counts in the verdict: (trained, control) of compression, sparsification and whole layers."""
    said = next(text.value for text in app.markdown if "lowered $R^c$" in text.value)
    trained = [int(n) for n in re.findall(r"\*\*(\d) of 2\*\*", said)]
    control = [int(n) for n in re.findall(r"control: (\d)", said)]
    return list(zip(trained, control, strict=True))


@pytest.mark.parametrize(("model", "steps"), [
    ("crate", {"compress", "sparsify"}),
    ("crate_alpha", {"compress", "sparsify"}),
    ("vit", {"attend", "transform"}),
])  # fmt: skip
def test_the_table_has_every_half_step_of_every_family(app, model, steps):
    tested = app("ledger", model=model, ledger_rows="steps")
    assert not tested.exception
    table = tested.dataframe[0].value
    assert list(table["layer"]) == [1, 1, 2, 2]
    assert set(table["half step"]) == steps
    assert ((table["verdict"] == "✓") | table["verdict"].str.startswith("✗ ")).all()
    assert table["Δ LASSO"].isna().sum() == (4 if model == "vit" else 2)
    assert list(table)[-1] == "verdict"
    assert len(numbers_of(tested)) == 3
    assert "What each head costs" in texts(tested)


@pytest.mark.parametrize("model", ["crate", "crate_alpha", "vit"])
@pytest.mark.parametrize(
    ("part", "says"),
    [("photo", "without a patch"), ("white", "it was derived from"), ("distortion", "coded finely")],
)
def test_every_part_of_every_family(app, model, part, says):
    tested = app("ledger", model=model, books=part)
    assert not tested.exception
    assert not tested.error
    assert says in texts(tested)
    assert not tested.dataframe


def test_a_vit_is_told_what_does_not_apply(app):
    assert "not derived from this objective" in texts(app("ledger", model="vit"))
    said = texts(app("ledger", model="vit", books="white"))
    assert "The rest does not apply" in said
    assert "exact solution" not in said
    assert "exact solution" in texts(app("ledger", model="crate", books="white"))
    assert "the sparse things are the codes" in texts(app("ledger", model="crate_alpha"))


def test_worse_rows_are_those_whose_numbers_say_so(app):
    table = app("ledger", model="crate", ledger_rows="steps", price="0.01").dataframe[0].value
    net = table.groupby("layer")["Δ objective"].sum()
    for _, row in table.iterrows():
        assert ("Rᶜ rose" in row["verdict"]) == ("compress" in row["half step"] and row["ΔRᶜ"] > 0.05)
        fell = row["Δ objective"] < -0.05 and net[row["layer"]] < -0.05
        assert ("objective fell" in row["verdict"]) == fell
        assert row["Δ objective"] == pytest.approx(row["ΔR"] - row["ΔRᶜ"] - 0.01 * row["Δ‖Z‖₀"], abs=1e-6)


def test_the_verdict_counts_the_rows_of_the_table(app):
    tested = app("ledger", model="crate", eps2="0.3", ledger_rows="steps")
    table = tested.dataframe[0].value
    first, second = table.iloc[::2], table.iloc[1::2]
    compressed, sparsified, whole = numbers_of(tested)
    assert compressed == ((first["ΔRᶜ"] < -0.05).sum(), (first["control ΔRᶜ"] < -0.05).sum())
    assert sparsified[0] == (second["ΔR"] - 0.0003 * second["Δ‖Z‖₀"] > 0.05).sum()
    totals = (table.groupby("layer")[name].sum() for name in ("Δ objective", "control Δ objective"))
    assert whole == tuple((total > 0.05).sum() for total in totals)


def test_the_url_restores_the_accounts(app):
    tested = app("ledger", price="0.03", eps2="0.1", ledger="Rᶜ")
    assert tested.select_slider(key="price").value == 0.03
    assert tested.select_slider(key="eps2").value == 0.1
    assert tested.segmented_control(key="ledger").value == "Rᶜ"
    assert app("ledger", books="distortion", layer="2").slider(key="layer").value == 2
    assert not tested.exception


def test_a_link_of_earlier_versions_asks_for_the_price_as_lambda(app):
    tested = app("ledger", **{"lambda": "0.03"})
    assert tested.select_slider(key="price").value == 0.03
    assert "lambda" not in tested.query_params


def test_a_row_for_each_layer_sums_its_half_steps_and_marks_net_losses_alone(app):
    layers = app("ledger", model="crate", price="0.01").dataframe[0].value
    steps = app("ledger", model="crate", price="0.01", ledger_rows="steps").dataframe[0].value
    for name in ("ΔR", "ΔRᶜ", "Δ‖Z‖₀", "Δ objective", "control ΔRᶜ", "control Δ objective"):
        np.testing.assert_allclose(layers[name], steps.groupby("layer")[name].sum(), rtol=1e-9)
    fell = layers["Δ objective"] < -0.05
    assert list(layers["verdict"]) == ["✗ objective fell" if one else "✓" for one in fell]


def test_the_largest_loss_comes_first_on_request(app):
    table = app("ledger", model="crate", ledger_order="loss").dataframe[0].value
    assert list(table["Δ objective"]) == sorted(table["Δ objective"])


def test_the_line_above_the_curve_names_the_layers_of_the_table(app):
    tested = app("ledger", model="crate", price="0.1")
    table = tested.dataframe[0].value
    lost = list(table["layer"][table["Δ objective"] < -0.05])
    said = next(
        text.value for text in tested.markdown if "the objective" in text.value and "in the control" in text.value
    )
    named = {(1, 2): "layers 1 and 2", (1,): "layer 1", (2,): "layer 2", (): "No layer lowers"}[tuple(lost)]
    assert named in said.split(";")[0]


def test_the_price_of_an_entry_changes_the_objective_alone(app):
    tested = app("ledger", model="crate")
    before = tested.dataframe[0].value
    tested.select_slider(key="price").set_value(0.1).run()
    after = tested.dataframe[0].value
    assert list(before["ΔRᶜ"]) == list(after["ΔRᶜ"])
    assert list(before["Δ objective"]) != list(after["Δ objective"])
    assert "0.1" in tested.query_params["price"]


def test_a_coarser_distortion_costs_fewer_nats(app):
    tested = app("ledger", model="crate")
    before = tested.dataframe[0].value
    tested.select_slider(key="eps2").set_value(1.0).run()
    assert list(before["ΔR"]) != list(tested.dataframe[0].value["ΔR"])
    assert not tested.exception


@pytest.mark.parametrize("line", ["Objective", "R − Rᶜ", "R", "Rᶜ", "‖Z‖₀", "‖Z‖₁"])
def test_every_quantity_can_be_drawn(app, line):
    tested = app("ledger", ledger=line, model="crate_alpha")
    assert not tested.exception
    assert tested.segmented_control(key="ledger").value == line


def test_a_rerun_measures_nothing_again(app, monkeypatch):
    tested = app("ledger", model="crate")
    for name in ("measure_ledger", "measure_compression", "measure_sparsification", "distortion_curves"):
        asked = getattr(rates, name)

        def refuse(*_, **__):
            raise AssertionError("measured again")

        refuse.__module__, refuse.__qualname__ = asked.__module__, asked.__qualname__
        monkeypatch.setattr(rates, name, refuse)
    tested.select_slider(key="price").set_value(0.1).run()
    assert not tested.exception
