"""`mxmesh demo`: a beamline works, and the mesh with it; nothing that it shows is made up."""

from cli.demo.command import demo as demo
