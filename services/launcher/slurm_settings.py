"""What an operator may set for runs as Slurm jobs."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, PositiveFloat, PositiveInt

ApiVersion = Annotated[str, Field(pattern=r"^v0\.0\.(38|39|4[0-4])$")]


class SlurmSettings(BaseModel):
    """Which slurmrestd, as whom, and what a run may use there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(default="http://127.0.0.1:6820", description="slurmrestd")
    socket: Path | None = Field(default=None, description="slurmrestd's unix socket; connects there, whatever the url")
    user: str | None = Field(default=None, description="whom the token belongs to; none: the launcher's own user")
    token_file: Path = Field(
        default=Path("/run/secrets/slurm-token"), description="file with the JWT; read anew at every call"
    )
    api_version: ApiVersion | None = Field(
        default=None, description="v0.0.38 to v0.0.44; none: the highest that slurmrestd and we know"
    )
    partition: str | None = Field(default=None, description="none: Slurm's default")
    account: str | None = Field(default=None, description="none: the user's default")
    qos: str | None = Field(default=None, description="quality of service; none: the user's default")
    cpus: PositiveInt = Field(default=4, description="CPUs of a run; set `processes` to the same number")
    nice: int = Field(default=0, description="how much runs give way to other jobs of the queue")
    priority: PositiveInt | None = Field(default=None, description="needs an operator's token; none: Slurm decides")
    margin_min: PositiveInt = Field(
        default=5, description="Slurm's time limit is the run's own, which its wrapper keeps, and so much more [min]"
    )
    request_timeout_s: PositiveFloat = Field(default=10, description="longest wait for slurmrestd [s]")
    file_delay_s: NonNegativeFloat = Field(
        default=30, description="how late files of a node may be seen here; a run without an end is lost after it [s]"
    )
