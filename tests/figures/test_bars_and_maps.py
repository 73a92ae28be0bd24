"""Bars and coloured maps: values, colours, scales and the edges of one head or one patch."""

import numpy as np
import pytest

from explorer import figures
from explorer.figures import maps, style


def test_head_bars_hold_values_colors_and_the_sum():
    figure = figures.head_bars(np.array([100.0, 241.2]), np.array([200.0, 210.0]))
    bars, control = figure.data
    np.testing.assert_array_equal(bars.y, [100.0, 241.2])
    assert bars.marker.color == style.HEAD_COLORS[:2]
    assert (control.name, control.line.dash) == (figures.CONTROL_NAME, "dash")
    assert figure.layout.annotations[0].text == "Σ = R<sup>c</sup> = 341.2 nats"


def test_one_head_and_more_heads_than_colors():
    assert len(figures.head_bars(np.array([1.0])).data) == 1
    colors = figures.head_bars(np.ones(20), total=None).data[0].marker.color
    assert colors[16] == colors[0]


def test_head_colors_are_distinct():
    assert len(set(style.HEAD_COLORS)) == len(style.HEAD_COLORS) >= 12


def contrast(color: str, background: str) -> float:
    """WCAG contrast of two colours."""
    channels = style.colors_array((color, background)) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    low, high = np.sort(linear @ [0.2126, 0.7152, 0.0722])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", [*style.HEAD_COLORS, *(q.color for q in style.QUANTITIES.values())])
def test_colors_show_on_light_and_dark(color):
    assert contrast(color, "#ffffff") >= 1.7
    assert contrast(color, "#0e1117") >= 3


def test_predictions():
    labels = ["cat", "a class whose name is much longer than any axis can hold"]
    figure = figures.prediction_bars(labels, np.array([0.9, 0.05]), np.array([0.1, -0.02]))
    np.testing.assert_array_equal(figure.data[0].x, [0.9, 0.05])
    assert figure.data[0].text == ("90.0% (+10.0 pp)", "5.0% (−2.0 pp)")
    assert figure.layout.yaxis.ticktext[0] == "cat"
    assert figure.layout.yaxis.ticktext[1].endswith("…")
    assert figure.data[0].customdata[1] == labels[1]


@pytest.mark.parametrize(("labels", "values"), [(["a"], [np.nan]), (["a", "b"], [0.5]), (["a"], [1.5]), ([], [])])
def test_predictions_refuse(labels, values):
    with pytest.raises(ValueError, match=r"NaN|fit|\[0, 1\]|empty"):
        figures.prediction_bars(labels, np.array(values))


def test_ranked_bars():
    figure = figures.ranked_bars(["layer 2, head 1", "layer 1, head 2"], np.array([0.4, 0.1]), label="energy (J)")
    np.testing.assert_array_equal(figure.data[0].x, [0.4, 0.1])
    assert figure.layout.yaxis.ticktext == ("layer 2, head 1", "layer 1, head 2")
    assert figure.layout.yaxis.autorange == "reversed"  # the first is on top
    assert figure.layout.xaxis.title.text == "energy (J)"
    with pytest.raises(ValueError, match="fit"):
        figures.ranked_bars(["a"], np.ones(2), label="x")
    with pytest.raises(ValueError, match="NaN"):
        figures.ranked_bars(["a"], np.array([np.nan]), label="x")


def test_signed_tokens_are_centred_on_zero():
    heat = figures.token_heatmap(np.array([[-1.0, 3.0]])).data[0]
    assert (heat.zmin, heat.zmax) == (-3, 3)
    np.testing.assert_array_equal(heat.z, [[-1, 3]])


def test_tokens_that_are_not_negative_start_at_zero():
    heat = figures.token_heatmap(np.array([[1.0, 2.0]]), zmax=5).data[0]
    assert (heat.zmin, heat.zmax) == (0, 5)
    assert heat.colorscale[0][1] == dict(style.SIGNED_SCALE)[0.5]  # 0 has one colour in both scales


def test_sampled_tokens_keep_their_names():
    heat = figures.token_heatmap(np.zeros((2, 3)), tokens=[0, 150], dimensions=[5, 7, 300]).data[0]
    assert heat.y == ("0", "150")
    assert heat.x == ("5", "7", "300")
    assert heat.zmax == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"z": np.zeros((maps.MAX_TOKENS + 1, 2))},
        {"z": np.zeros((2, maps.MAX_DIMENSIONS + 1))},
        {"z": np.array([[np.nan]])},
        {"z": np.ones((1, 1)), "zmax": 0.0},
        {"z": np.ones((2, 2)), "tokens": [1]},
    ],
)
def test_token_heatmap_refuses(arguments):
    with pytest.raises(ValueError, match=r"sample|NaN|zmax|tokens"):
        figures.token_heatmap(**arguments)


def test_patch_map_is_square_with_row_0_on_top():
    values = np.arange(6.0).reshape(2, 3)
    figure = figures.patch_map(values, "t")
    np.testing.assert_array_equal(figure.data[0].z, values)
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.scaleanchor == "x"
    assert figure.data[0].colorbar.title.text == figures.TOKEN_RATE_LABEL
    assert figure.data[0].hovertemplate.startswith("patch row %{y}, column %{x}: %{z:,.2f} nats")


def test_patch_map_constant_one_patch_and_limits():
    heat = figures.patch_map(np.array([[4.0]])).data[0]
    assert heat.zmin < heat.zmax
    heat = figures.patch_map(np.array([[4.0]]), limits=(0, 10)).data[0]
    assert (heat.zmin, heat.zmax) == (0, 10)


def test_patch_map_refuses_nan():
    with pytest.raises(ValueError, match="NaN"):
        figures.patch_map(np.array([[np.nan, 1.0]]))


def test_patch_map_is_drawn_on_its_photo():
    figure = figures.patch_map(np.arange(6.0).reshape(2, 3), picture=np.zeros((32, 48, 3), np.uint8))
    (photo,) = figure.layout.images
    # patches are centred on 1 … 3 and 1 … 2: the photo covers 0.5 … 3.5 by 0.5 … 2.5
    assert (photo.x, photo.y, photo.sizex, photo.sizey) == (0.5, 0.5, 3, 2)
    assert figure.data[0].opacity < 1
