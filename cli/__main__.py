"""`mxmesh`: the operator's command line. A command's module is imported when it is asked for: some take seconds."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

COMMANDS = {
    "up": "cli.up:up",
    "demo": "cli.demo.command:demo",
    "status": "cli.status:status",
    "announce": "cli.announce:announce",
    "check": "cli.check:check",
    "simulate": "cli.beamline:app",
    "find-spots": "cli.spots:find_spots",
    "centre": "cli.centring:centre",
    "pipelines": "cli.pipelines:pipelines",
    "explain": "cli.explain:explain",
    "reprocess": "cli.reprocess:reprocess",
    "runs": "cli.runs:runs",
    "logs": "cli.logs:logs",
    "cancel": "cli.cancel:cancel",
    "trace": "cli.traces:trace",
    "dlq": "cli.dlq:app",
    "doctor": "cli.doctor:doctor",
}


class LazyCommands(TyperGroup):
    """The commands of the table above."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - click's own context, which Typer does not export
        """Names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 - see above
        """The command of a name; None if there is none."""
        del ctx
        return _load(cmd_name) if cmd_name in COMMANDS else None


def _load(name: str) -> Any:  # noqa: ANN401 - a click command
    module, attribute = COMMANDS[name].split(":")
    found = getattr(import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_show_locals=False)
        single.command(name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


app = typer.Typer(cls=LazyCommands, no_args_is_help=True, rich_markup_mode="markdown", add_completion=False)


@app.callback()
def main() -> None:
    """Data analysis for macromolecular crystallography beamlines as a mesh of services."""


if __name__ == "__main__":
    app()
