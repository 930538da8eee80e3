"""What several commands about processing take."""

from typing import Annotated

import orjson
import typer

from shared.messages import Parameters

PipelineOption = Annotated[str | None, typer.Option(help="Only this pipeline; default: those that the rules name.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", help="A parameter of the pipeline, such as --set d_min=1.8; repeatable.")
]


def read_parameters(asked: list[str] | None) -> Parameters:
    """``name=value`` pairs; values are numbers, true, false, or text.

    Raises:
        ValueError: something else.
    """
    pairs = [(name, value, each) for each in asked or [] for name, _, value in [each.partition("=")]]
    if wrong := [each for name, value, each in pairs if not name or not value]:
        raise ValueError(f"--set wants name=value, not {wrong[0]!r}")
    return {name: _value(value) for name, value, _ in pairs}


def _value(text: str) -> str | int | float | bool:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, str | int | float | bool) else text
