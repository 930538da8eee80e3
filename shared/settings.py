"""Typed settings: one JSON file that $MXMESH_SETTINGS names, overridden by MXMESH_* variables, checked at start."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, SecretStr
from pydantic_settings import BaseSettings, JsonConfigSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from shared.messages import Beamline
from shared.rotation import DAYS, MB
from shared.topology import Topology

DEAD_LETTER_DAYS: float = 90


class BrokerSettings(BaseModel):
    """Where ActiveMQ is and how to speak to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="stomp://127.0.0.1:61613",
        description="stomp://, stomp+ssl://, stomp+nio+ssl:// or failover:(url,url)",
    )
    user: str | None = Field(default=None, description="login")
    password: SecretStr | None = Field(default=None, description="passcode")
    prefix: str = Field(default="", description="put before every destination, such as 'i03.'; lets beamlines share")
    heartbeat_s: PositiveFloat = Field(default=10, description="STOMP heart-beat interval, both ways [s]")
    receipt_timeout_s: PositiveFloat = Field(default=30, description="longest wait for the broker's receipt [s]")
    connect_timeout_s: PositiveFloat = Field(default=10, description="longest wait for one connection attempt [s]")
    dead_letter_days: PositiveFloat = Field(
        default=DEAD_LETTER_DAYS, description="a message that nobody could handle waits so long for an operator [days]"
    )


class ServiceSettings(BaseSettings):
    """What every service has to know; a misspelt key in the file stops the service at start."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="MXMESH_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        nested_model_default_partial_update=True,
    )

    beamline: Beamline = Field(default="i03", description="the beamline that this mesh serves")
    mode: Literal["live", "shadow"] = Field(
        default="live", description="shadow: listen beside the existing scripts, say nothing to the outside"
    )
    broker: BrokerSettings = Field(default_factory=BrokerSettings, description="ActiveMQ")
    probe_host: str = Field(default="127.0.0.1", description="address of the liveness and readiness probes")
    probe_port: NonNegativeInt = Field(default=0, description="port of the probes; 0: no probes")
    beat_interval_s: PositiveFloat = Field(default=5, description="time between two status messages [s]")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="least level logged")
    log_file: Path | None = Field(
        default=None,
        description="log to this file, rotated, and keep standard error, if that is a file, to the same size and age; "
        "null: log to standard error",
    )
    log_mb: PositiveFloat = Field(
        default=MB, description="most that the log may hold, rotated files included [10^6 bytes]"
    )
    log_days: PositiveFloat = Field(default=DAYS, description="age at which a line of the log is gone [days]")
    span_file: Path | None = Field(
        default=None, description="write finished spans to this file, one JSON object a line, and rotate it"
    )
    span_mb: PositiveFloat = Field(
        default=50, description="most that the spans may hold, rotated files included [10^6 bytes]"
    )
    span_days: PositiveFloat = Field(default=DAYS, description="age at which a span is gone [days]")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then variables, then the file that $MXMESH_SETTINGS names."""
        del dotenv_settings, file_secret_settings
        file = os.environ.get("MXMESH_SETTINGS")
        return init_settings, env_settings, JsonConfigSettingsSource(settings_cls, json_file=file)

    @classmethod
    def load(cls) -> Self:
        """Read file and variables.

        Raises:
            pydantic.ValidationError: a key is unknown or a value is wrong.
            FileNotFoundError: $MXMESH_SETTINGS names no file.
        """
        if (file := os.environ.get("MXMESH_SETTINGS")) and not Path(file).is_file():
            raise FileNotFoundError(f"MXMESH_SETTINGS names {file}, which is not there")
        return cls()

    @property
    def topology(self) -> Topology:
        """Destination names for this beamline's prefix and mode."""
        return Topology(prefix=self.broker.prefix, shadow=self.mode == "shadow")
