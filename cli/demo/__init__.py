"""`mxmesh demo`: a beamline works, and the mesh with it; nothing that it shows is made up."""
