"""Asks slurmrestd, over TCP or its unix socket."""

import getpass
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx
from anyio import Path
from pydantic import ValidationError

from services.launcher.backends import BackendDownError, BackendError, BackendSilentError
from services.launcher.backends.outage import Outage
from services.launcher.backends.slurm.answers import UNKNOWN_JOB, Answer, SlurmJob
from services.launcher.backends.slurm.requests import KNOWN, Body, common_version, served_versions
from services.launcher.slurm_settings import SlurmSettings

log = logging.getLogger(__name__)

AUTHENTICATION = frozenset({-1, 1, 1007, 5005})
"""Numbers of errors by which slurmrestd tells of a bad token, mostly as an unspecified error."""
NO_CONTROLLER = frozenset({*range(1800, 1820), 5004})
"""slurmctld is away, says a slurmrestd that notices."""


@dataclass
class Slurmrestd:
    """One slurmrestd.

    Attributes:
        version: of its interface; empty until it was asked which it serves.
        outage: an old slurmrestd hangs while slurmctld is away.
    """

    settings: SlurmSettings
    http: httpx.AsyncClient
    version: str = field(default="")
    outage: Outage = field(default_factory=Outage)

    async def submit(self, body: Body) -> Answer:
        """The answer has a job's id, also where it has errors."""
        return await self._call("POST", "job/submit", body)

    async def job(self, job_id: int) -> SlurmJob | None:
        """None: Slurm does not know it, or not any more; it forgets jobs minutes after their end."""
        answer = await self._call("GET", f"job/{job_id}")
        return answer.jobs[0] if answer.jobs else None

    async def jobs_named(self, name: str) -> list[SlurmJob]:
        """All of a name that Slurm remembers."""
        return [job for job in (await self._call("GET", "jobs")).jobs if job.name == name]

    async def cancel(self, job_id: int) -> None:
        """SIGTERM, later SIGKILL; nothing for a job that has ended."""
        await self._call("DELETE", f"job/{job_id}")

    async def negotiated(self) -> str:
        """The configured version, or the highest that both sides know.

        Raises:
            BackendDownError: there is none, or slurmrestd does not answer.
        """
        if not self.version:
            with self.outage.noticed():
                self.version = self.settings.api_version or await self._highest()
        return self.version

    async def _highest(self) -> str:
        specification = (await self._request("GET", "/openapi/v3")).text
        if version := common_version(specification):
            log.info("slurmrestd speaks %s", version)
            return version
        served = ", ".join(served_versions(specification)) or "none that can be recognised"
        raise BackendDownError(f"slurmrestd serves {served}; this launcher knows {KNOWN[0]} to {KNOWN[-1]}: update one")

    async def _call(self, method: str, path: str, body: Body | None = None) -> Answer:
        version = await self.negotiated()
        with self.outage.noticed():
            return await self._asked(version, method, path, body)

    async def _asked(self, version: str, method: str, path: str, body: Body | None) -> Answer:
        response = await self._request(method, f"/slurm/{version}/{path}", body)
        answer = _read(response)
        for warning in answer.warnings:
            log.warning("slurmrestd, %s %s: %s", method, path, warning)
        if any(fault.number == UNKNOWN_JOB for fault in answer.faults):
            return Answer()
        if response.is_error or (answer.faults and answer.job_id is None):
            self._refuse(response, answer)
        return answer

    async def _request(self, method: str, path: str, body: Body | None = None) -> httpx.Response:
        """A response that is no refusal of the token, nor of the version."""
        headers = {"X-SLURM-USER-NAME": self._user, "X-SLURM-USER-TOKEN": await self._token()}
        try:
            response = await self.http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as fault:
            raise BackendSilentError(self._unreachable(fault)) from fault
        if response.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise BackendDownError(self._token_advice(f"HTTP {response.status_code}"))
        return response

    def _refuse(self, response: httpx.Response, answer: Answer) -> None:
        """Whatever can be mended without a new request holds requests instead of failing them."""
        words, numbers = answer.words, {fault.number for fault in answer.faults}
        if response.status_code == HTTPStatus.NOT_FOUND and not numbers:
            version, self.version = self.version, ""
            raise BackendDownError(f"slurmrestd does not serve {version}; leave slurm.api_version out to let it choose")
        if numbers & NO_CONTROLLER:
            raise BackendSilentError(f"slurmrestd does not reach slurmctld: {words}")
        if numbers & AUTHENTICATION or "Unspecified error" in words:
            raise BackendDownError(self._token_advice(words))
        raise BackendError(
            f"Slurm refused: {words or response.text[:200]}; "
            "look at slurm.partition, account, qos and cpus, and at memory_gb"
        )

    @property
    def _user(self) -> str:
        return self.settings.user or getpass.getuser()

    async def _token(self) -> str:
        file = self.settings.token_file
        try:
            return (await Path(file).read_text()).strip().removeprefix("SLURM_JWT=")
        except OSError as fault:
            raise BackendDownError(f"no token for slurmrestd in {file}: {fault}; see `scontrol token`") from fault

    def _token_advice(self, words: str) -> str:
        return (
            f"slurmrestd refuses the token, or cannot say what is wrong ({words}): look whether the one in "
            f"{self.settings.token_file} has expired and is {self._user}'s; `scontrol token` makes a new one"
        )

    def _unreachable(self, fault: httpx.TransportError) -> str:
        place = self.settings.socket or self.settings.url
        words = str(fault) or f"no answer within {self.settings.request_timeout_s:g} s"
        return f"slurmrestd at {place} cannot be reached ({words}): look whether it and slurmctld run"


@asynccontextmanager
async def connect(settings: SlurmSettings) -> AsyncIterator[Slurmrestd]:
    """A client with its connections; nothing is asked yet."""
    transport = httpx.AsyncHTTPTransport(uds=str(settings.socket)) if settings.socket else None
    timeout = settings.request_timeout_s
    async with httpx.AsyncClient(base_url=settings.url, transport=transport, timeout=timeout, trust_env=False) as http:
        yield Slurmrestd(settings, http)


def _read(response: httpx.Response) -> Answer:
    try:
        return Answer.model_validate_json(response.content or b"{}")
    except ValidationError as fault:
        if response.is_error:
            return Answer()
        raise BackendDownError(f"slurmrestd answered what cannot be read: {fault}") from fault
