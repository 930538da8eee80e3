"""`mxmesh pipelines`: what can process a rotation here, and what may be set of it."""

import os
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cli.console import JsonOption, explained, out, print_json
from cli.explain import launcher_settings
from cli.home import DEFAULT_HOME, HomeOption
from services.launcher.environment import program_environment
from services.launcher.installed import missing_software
from services.launcher.pipelines import TABLE, Pipeline, pipeline_named
from services.launcher.settings import Settings


@dataclass(frozen=True)
class Entry:
    """One row of the table; ``missing`` are the programs and modules that this machine does not have."""

    pipeline: Pipeline
    time_limit_s: float
    memory_gb: float
    missing: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {
            "pipeline": self.pipeline.name,
            "family": self.pipeline.family,
            "multi_sweep": self.pipeline.multi_sweep,
            "time_limit_s": self.time_limit_s,
            "memory_gb": self.memory_gb,
            "missing": self.missing,
            "remedy": self.pipeline.remedy if self.missing else None,
            "parameters": [
                {"name": each.name, "help": each.help, "expected": each.expected} for each in self.pipeline.parameters
            ],
        }


def pipelines(
    name: Annotated[str | None, typer.Argument(help="Only this pipeline.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List the pipelines, whether their programs are on this machine, and the parameters that `--set` takes.

    Examples:

        mxmesh pipelines

        mxmesh pipelines xia2-dials
    """
    with explained(ValueError):
        named, settings = [pipeline_named(name)] if name else TABLE.values(), launcher_settings(home)
        found = [_entry(pipeline, settings) for pipeline in named]
    if as_json:
        print_json([entry.as_json() for entry in found])
    for entry in () if as_json else found:
        _show(entry)


def _entry(pipeline: Pipeline, settings: Settings) -> Entry:
    environment = program_environment(os.environ, settings.hdf5_plugins, settings.environment)
    missing = missing_software(pipeline, environment["PATH"], settings.python)
    return Entry(pipeline, settings.time_limit_of_s(pipeline), settings.memory_of_gb(pipeline), missing)


def _show(entry: Entry) -> None:
    pipeline = entry.pipeline
    sweeps = "one sweep or several" if pipeline.multi_sweep else "one sweep"
    out.print(f"[bold]{pipeline.name}[/]: {sweeps}, at most {entry.time_limit_s / 3600:g} h and {entry.memory_gb:g} GB")
    if entry.missing:
        out.print(f"  [yellow]not on this machine:[/] {', '.join(entry.missing)}; {pipeline.remedy}", highlight=False)
    table = Table("parameter", "takes", "meaning")
    for each in pipeline.parameters:
        table.add_row(each.name, escape(each.expected), escape(each.help))
    out.print(table)
