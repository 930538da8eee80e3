"""`mxmesh`: the operator's command line."""

import typer

from cli import beamline, dlq
from cli.announce import announce
from cli.centring import centre
from cli.demo import demo
from cli.doctor import doctor
from cli.spots import find_spots
from cli.status import status
from cli.traces import trace
from cli.up import up

app = typer.Typer(
    help="Data analysis for macromolecular crystallography beamlines as a mesh of services.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
)
for command in (up, demo, status, announce, find_spots, centre, trace, doctor):
    app.command()(command)
app.add_typer(beamline.app, name="simulate")
app.add_typer(dlq.app, name="dlq")

if __name__ == "__main__":
    app()
