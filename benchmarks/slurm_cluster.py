"""A whole Slurm of one user in one folder: munged, slurmctld, slurmd and slurmrestd, on free ports."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.broker_configuration import free_ports
from services.launcher.slurm_settings import SlurmSettings

PARTITION = "mx"
MEMORY_MB = 64_000  # Slurm believes it: config_overrides
CPUS = 8
READY_S = 20
TUNED = "sched_min_interval=100000,sched_interval=1,batch_sched_delay=0"

CONFIGURATION = """
ClusterName=mxtest
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={folder}/state/jwt.key
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=3
MailProg=/bin/true
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName={partition} Nodes={host} Default=YES MaxTime=2:00:00 State=UP
"""


class SlurmCluster:
    """Running from construction until ``stop``; ``scheduler`` are its SchedulerParameters, if not Slurm's own."""

    def __init__(self, folder: Path, scheduler: str = "") -> None:
        self.folder = folder
        self.scheduler = scheduler
        self.host = socket.gethostname().partition(".")[0]
        self.socket = folder / "rest"
        self.rest_port, *self._ports = free_ports(3)
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self.token_file = folder / "token"
        self._configure()
        try:
            self._bring_up()
        except BaseException:
            self._end_daemons()
            raise

    def _bring_up(self) -> None:
        self._start("munged", *self._munged())
        wait_for((self.folder / "munge/socket").exists, "munged")
        self.start_controller()
        self._start("slurmd", "/usr/sbin/slurmd", "-D", "-N", self.host)
        self._start("slurmrestd", *self._slurmrestd(), SLURM_JWT="daemon", SLURMRESTD_SECURITY="disable_user_check")
        wait_for(lambda: "idle" in self.run("sinfo", "-h", "-o", "%T"), "an idle node")
        wait_for(self._answers, "slurmrestd")
        self.write_token()

    def _configure(self) -> None:
        for name in ("munge", "state", "spool", "log"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        for name, size in (("munge/key", 1024), ("state/jwt.key", 32)):
            (self.folder / name).touch(0o600)
            (self.folder / name).write_bytes(os.urandom(size))
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n")
        values = {"host": self.host, "folder": self.folder, "user": getpass.getuser(), "partition": PARTITION}
        ports = dict(zip(("controller_port", "node_port"), self._ports, strict=True))
        text = CONFIGURATION.format(**values, **ports, cpus=CPUS, memory=MEMORY_MB)
        text += f"SchedulerParameters={self.scheduler}\n" if self.scheduler else ""
        (self.folder / "slurm.conf").write_text(text)

    def _munged(self) -> list[str]:
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={self.folder}/munge/{name}" for option, name in files.items()]
        return ["/usr/sbin/munged", "--foreground", "--force", *options]

    def _slurmrestd(self) -> list[str]:
        places = [f"127.0.0.1:{self.rest_port}", f"unix:{self.socket}"]
        return ["/usr/sbin/slurmrestd", "-s", "openapi/v0.0.38", "-a", "rest_auth/jwt", *places]

    def _start(self, name: str, *arguments: str, **variables: str) -> None:
        with (self.folder / f"log/{name}.log").open("ab") as log:
            self._daemons[name] = subprocess.Popen(
                arguments,
                env={**self.environment, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.rest_port)) == 0

    def start_controller(self) -> None:
        self._start("slurmctld", "/usr/sbin/slurmctld", "-D")

    def kill(self, name: str) -> None:
        self._daemons[name].kill()
        self._daemons[name].wait(10)

    @contextmanager
    def hanging(self, name: str) -> Iterator[None]:
        """A daemon that is there and does nothing."""
        self._daemons[name].send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._daemons[name].send_signal(signal.SIGCONT)

    def run(self, *arguments: str) -> str:
        """What one of Slurm's own commands prints."""
        done = subprocess.run(arguments, env=self.environment, capture_output=True, text=True, timeout=30, check=False)
        return done.stdout

    def token(self, lifespan_s: int = 7200) -> str:
        return self.run("scontrol", "token", f"lifespan={lifespan_s}").strip()

    def write_token(self) -> None:
        self.token_file.write_text(self.token())

    def jobs(self, name: str) -> list[str]:
        """Ids of all jobs of a name that Slurm remembers."""
        return self.run("squeue", "-h", "-t", "all", "-o", "%i", "-n", name).split()

    def settings(self, **changes: object) -> SlurmSettings:
        fixed = {"url": f"http://127.0.0.1:{self.rest_port}", "token_file": self.token_file, "partition": PARTITION}
        quick = {"cpus": 1, "request_timeout_s": 3, "file_delay_s": 0.2}
        return SlurmSettings.model_validate({**fixed, **quick, **changes})

    def stop(self) -> None:
        self.run("scancel", "--user", getpass.getuser())
        wait_for(lambda: not self.run("squeue", "-h"), "the end of all jobs")
        self._end_daemons()

    def _end_daemons(self) -> None:
        for name in reversed(self._daemons):
            self._daemons[name].terminate()
        for daemon in self._daemons.values():
            daemon.wait(20)


@contextmanager
def running_slurm(scheduler: str = "") -> Iterator[SlurmCluster]:
    """In a folder of its own, with a short path for the unix socket; both end with the context."""
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    running = SlurmCluster(folder, scheduler)
    try:
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder)


def wait_for(condition: Callable[[], bool], what: str, limit_s: float = READY_S) -> None:
    """Look again and again until it holds.

    Raises:
        TimeoutError: it did not.
    """
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} is not there after {limit_s:g} s; see the logs of Slurm's daemons")
        time.sleep(0.1)
