"""Nets outside the table of layers as ONNX graphs, written by PyTorch's exporter (`torch.onnx.export`, with dynamo).

It runs the net once on a small batch and writes what was computed. The batch keeps any length; a net that fixes it is
refused here, since the exporter itself would write the length of the example in silence. What the exporter adds about
the machine (the paths of source files) is left out.
"""

from __future__ import annotations

import io
import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import torch
from torch import Tensor, nn

from ayneh.errors import UserError, brief, extra

OPSET, IR_VERSION = 18, 10  # the oldest operators that the exporter writes
EXAMPLES = 4  # images or latents that a net is run on: more than one, and groups of four divide it
ONE_AT_A_TIME = threading.Lock()  # what is put aside meanwhile (logging, warnings, stdout) is the whole process's
WITHOUT = "export it --to safetensors, which holds the same net, or change its forward"


class Several(nn.Module):
    """x, and classes for a net that takes them -> (net(x), further outputs of that). ``hidden``: without the first."""

    def __init__(self, net: nn.Module, further: Mapping[str, nn.Module], hidden: bool = False) -> None:
        super().__init__()
        self.net, self.further, self.hidden = net, nn.ModuleList(further.values()), hidden

    def forward(self, x: Tensor, classes: Tensor | None = None) -> tuple[Tensor, ...]:
        y = self.net(x) if classes is None else self.net(x, classes)
        others = tuple(net(y) for net in self.further)
        return others if self.hidden else (y, *others)


def traced(
    module: nn.Module,
    takes: tuple[int, ...],
    names: tuple[str, str],
    further: Mapping[str, nn.Module] | None = None,
    classes: bool = False,
    hidden: bool = False,
) -> bytes:
    """As `export.onnx.to_onnx`, for any module in eval mode.

    Raises UserError where a package is missing, and for a net that the exporter refuses or whose batch it fixes.
    """
    with extra("export", "Writing ONNX of a net of your own"):
        import onnx
        import onnxscript  # noqa: F401  # torch.onnx needs it and says so in a longer error
    further, place = dict(further or {}), next(module.parameters(), torch.empty(0))
    example = [torch.zeros(EXAMPLES, *takes, dtype=place.dtype, device=place.device)]
    example += [torch.zeros(EXAMPLES, dtype=torch.int64, device=place.device)] * classes
    inputs, outputs = [names[0], *["classes"] * classes], [*[names[1]] * (not hidden), *further]
    n = torch.export.Dim("n")
    with ONE_AT_A_TIME, _quiet():
        try:
            program = torch.onnx.export(
                Several(module, further, hidden).eval(), tuple(example), dynamo=True,
                dynamic_shapes=({0: n},) * len(inputs), input_names=inputs, output_names=outputs,
                opset_version=OPSET, verbose=False,
            )  # fmt: skip
        except Exception as error:  # the exporter's own, PyTorch's, or one of the net's
            raise UserError(
                f"PyTorch's exporter cannot write {kind_of(module)} as ONNX ({reason(error)}): {WITHOUT}."
            ) from error
    assert program is not None  # so it is with dynamo
    model = onnx.ModelProto()
    model.CopyFrom(program.model_proto)
    for value in [*model.graph.input, *model.graph.output]:
        first = value.type.tensor_type.shape.dim[0]
        if first.dim_param != "n":
            raise UserError(
                f"PyTorch's exporter writes {kind_of(module)} for batches of {first.dim_value or first.dim_param} "
                "alone, since its forward takes their length as a plain number, as len(x) and int(x.shape[0]) do: "
                f"write x.shape[0], or {WITHOUT.partition(',')[0]}."
            )
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def kind_of(module: nn.Module) -> str:
    """The name of a net's class, "the net Gen"."""
    return f"the net {type(module).__name__}"


def reason(error: BaseException) -> str:
    """Why the exporter failed, in a line: the error that came first; those around it name its place."""
    while error.__cause__ is not None:
        error = error.__cause__
    return brief(error)


def _strip(model: Any) -> None:
    """Leave out what the exporter noted about where each node came from, and weights that no node uses."""
    taken = set(used(model.graph))
    kept = [one for one in model.graph.initializer if one.name in taken]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    model.ir_version, model.producer_name, model.producer_version, model.doc_string = IR_VERSION, "ayneh", "", ""
    del model.metadata_props[:]
    for part in (model.graph, *model.functions):
        del part.metadata_props[:]
        part.doc_string = ""
        inner = [*part.node, *getattr(part, "value_info", ()), *getattr(part, "initializer", ())]
        for one in [*inner, *getattr(part, "input", ()), *getattr(part, "output", ())]:
            if hasattr(one, "metadata_props"):
                del one.metadata_props[:]
                one.doc_string = ""


def used(graph: Any) -> Iterator[str]:
    """The names that a graph's nodes, and graphs within these, take; and its own outputs."""
    yield from (one.name for one in graph.output)
    for node in graph.node:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from used(inner)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter prints: warnings about its own code, progress, the graphs that it failed at."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
