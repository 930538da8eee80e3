"""Who is measured, one module each; each runs in a process of its own, under the interpreter that has its libraries."""
