"""ViTs of every form against their equations in NumPy, and the tokens that stand in front of their patches."""

import numpy as np
import pytest

from explorer.models.form import Form
from tests.conftest import draw, pixels, state_of, torch_points
from tests.models import reference
from tests.models.forms import FORMS, size_of


@pytest.mark.parametrize(("height", "width", "stride"), [(12, 12, 4), (20, 8, 3)])
@pytest.mark.parametrize("form", FORMS)
def test_every_trace_point(form, height, width, stride):
    size, image = size_of(form), pixels(2, height, width)
    module = draw("vit", size)
    gain = np.random.default_rng(1).uniform(0, 2, (2, 2)).astype(np.float32)
    ours = torch_points(module, image, stride=stride, mssa_gain=gain)
    theirs = reference.forward("vit", state_of(module), size, image, stride, gain, None, None)
    assert set(ours) == set(theirs)
    for name, array in ours.items():
        assert array.shape == theirs[name].shape, name
        np.testing.assert_allclose(array, theirs[name], rtol=1e-5, atol=1e-5, err_msg=name)


def test_tokens_in_front_are_named_in_their_order():
    assert Form().prefix == ("CLS",)
    assert Form(distilled=True, registers=2).prefix == ("CLS", "distillation", "register 1", "register 2")
    assert Form(class_token=False).prefix == ()


def test_registers_get_no_position():
    """DINOv2 puts them between the class token and the patches once positions have been added."""
    module = draw("vit", size_of("DINOv2: registers without positions"))
    z = torch_points(module, pixels())["z.1"]
    np.testing.assert_allclose(z[0, 1:5], module.reg_token[0].numpy(), rtol=1e-6)
    np.testing.assert_allclose(z[0, 0], (module.cls_token + module.pos_embed[:, :1])[0, 0].numpy(), rtol=1e-6)
