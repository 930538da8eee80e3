"""Scripts that run outside the mesh, under the system's python3; they import nothing of the project."""
