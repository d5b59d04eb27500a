"""What the model card of a labelled run holds on its classes."""

from __future__ import annotations

from typing import Any

from ayneh.export.markdown import foreign
from ayneh.judge.scores import metric_of

SHOWN = 40  # classes in the table

WAYS = {
    "concat": "D gets the class of an image as a further map beside it (Mirza & Osindero 2014)",
    "projection": "the class adds the product of its embedding and D's features to D's logit (Miyato & Koyama 2018)",
    "auxiliary": "D gets no class: it reads the class of each image, beside its logit (Odena et al. 2017)",
}
GEN = {
    "concat": "an embedding of the class is joined to z",
    "norm": "the class has its own scales and shifts in G's batch norm",
}
OWN = "each net gets the class of an image and does with it what its code does"  # what that is, no setting says
DRAWN = {"data": "by the classes' shares of the training images", "even": "evenly"}


def words(about: dict[str, Any], evaluation: dict[str, Any] | None) -> str:
    """How the run took the classes, and how many of G's images are of the class that was asked for."""
    labels = about["labels"]
    way = about["config"]["net"].get("gen_labels") or "concat"
    how = f"{GEN[way]}; {WAYS[labels['way']]}"
    if "own_nets" in about:
        how = WAYS["auxiliary"] if labels["way"] == "auxiliary" else OWN
    taken = (
        f"G draws an image of the class that it is asked for: {how}. In training the classes of "
        f"G's images were drawn {DRAWN[labels['drawn']]}."
    )
    scores = evaluation["scores"] if evaluation else {}
    found = [
        score
        for name, score in scores.items()
        if metric_of(name) == "class_accuracy" and _is_number(score.get("value"))
    ]
    if not found:
        return f"{taken} Whether the class that was asked for comes out has not been measured: run `ayneh evaluate`."
    best = found[0]
    ends = [best.get(end) for end in ("low", "high")]
    between = f" ({_percent(ends[0])} to {_percent(ends[1])})" if all(map(_is_number, ends)) else ""
    real = best.get("floor")
    against = f"; of real test images they take {_percent(real)} for theirs" if _is_number(real) else ""
    return (
        f"{taken} Classifiers that were trained on real images take {_percent(best['value'])}{between} of G's images "
        f"for the class that was asked for{against} ({foreign(best.get('protocol', 'class_accuracy'))})."
    )


def _percent(share: Any) -> str:
    return f"{100 * share:.1f} %"


def _is_number(value: Any) -> bool:
    """A report may have been edited."""
    return isinstance(value, int | float)


def rows(about: dict[str, Any]) -> tuple[list[tuple[str, str, str]], str]:
    """Rows of a table, (number, name, share of the training images), and a line where they are not all."""
    labels = about["labels"]
    both = zip(labels["names"][:SHOWN], labels["shares"], strict=False)
    shown = [(str(k), foreign(name), _percent(share)) for k, (name, share) in enumerate(both)]
    more = len(labels["names"]) - SHOWN
    return shown, f"{more:,} more are in config.json, `labels`." if more > 0 else ""
