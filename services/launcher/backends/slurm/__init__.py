"""Runs as Slurm jobs, through slurmrestd."""
