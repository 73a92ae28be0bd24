"""What the cards of one training run say together: its checkpoints, their epochs, its twins."""

from __future__ import annotations

from collections.abc import Sequence

from explorer.card import ModelCard


def run_of(card: ModelCard, cards: Sequence[ModelCard]) -> list[ModelCard]:
    """The models of the same training run by their epoch; empty where there are not two."""
    run = card.provenance.get("run")
    found = [one for one in cards if run and one.provenance.get("run") == run and epoch_of(one) is not None]
    return sorted(found, key=lambda one: epoch_of(one) or 0.0) if len(found) > 1 else []


def epoch_of(card: ModelCard) -> float | None:
    """Passes over the training data, where the card says so."""
    epoch = card.provenance.get("epoch")
    return float(epoch) if isinstance(epoch, (int, float)) and not isinstance(epoch, bool) else None


def name_and_epoch(card: ModelCard) -> str:
    """A model's name with where in its training it stands, if the card says so."""
    epoch = epoch_of(card)
    if epoch is None:
        return card.name
    return f"{card.name}, epoch {epoch:.3g}"


def first_partner(card: ModelCard, cards: Sequence[ModelCard]) -> tuple[str, bool]:
    """What a model is first compared with, and whether its weights are drawn anew: the start of its own run, or its
    own random-init control where the run has no start here or is it."""
    run = run_of(card, cards)
    return (run[0].name, False) if run and run[0].name != card.name else (card.name, True)


def twins_of(card: ModelCard, cards: Sequence[ModelCard]) -> list[ModelCard]:
    """The last model of every other run with the same classes, or tokens, and another family or width."""
    last: dict[object, ModelCard] = {}
    for one in sorted(cards, key=lambda one: epoch_of(one) or 0.0):
        if _says(one) == _says(card) and (one.family, one.dim) != (card.family, card.dim):
            last[one.provenance.get("run") or one.name] = one
    return list(last.values())


def _says(card: ModelCard) -> tuple[object, ...]:
    """What a model chooses between: classes, or tokens."""
    return card.classes, card.tokenizer, card.vocabulary


def class_change(cards: Sequence[ModelCard]) -> int | None:
    """The first checkpoint of a run that was trained on other classes than the one before it, if there is one."""
    return next((i for i in range(1, len(cards)) if cards[i].classes != cards[i - 1].classes), None)
