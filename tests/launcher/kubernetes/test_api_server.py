"""What Kubernetes allows, refuses, and does not answer."""

import os
import signal
import socket

import anyio
import pytest

from services.launcher.backends import BackendDownError, BackendError
from shared.messages import RunState
from tests.launcher.builders import FIRST, SLOW, step, until
from tests.launcher.kubernetes.cluster import KUBECONFIG, as_documented, own_api_server
from tests.launcher.kubernetes.runs import LIMIT_S, end_of, finish, make, planned, working

pytestmark = pytest.mark.kubernetes


async def test_a_refusal_is_in_the_words_of_kubernetes(volume, folder):
    backend = make(volume, folder, namespace="nowhere")
    with pytest.raises(BackendError, match="nowhere"):
        await backend.submit(planned(folder, FIRST))


async def test_the_role_in_the_documentation_suffices(volume, folder):
    account = as_documented(volume.namespace, folder / "kubeconfig")
    backend = make(volume, folder, kubeconfig=account)
    done, stopped = planned(folder, FIRST), planned(folder, SLOW, attempt=2)
    assert (await finish(backend, done)).state is RunState.SUCCEEDED
    assert await backend.logs(done) == ""
    await backend.submit(stopped)
    await working(backend, stopped)
    await backend.cancel(stopped)
    assert (await end_of(backend, stopped)).state is RunState.CANCELLED


async def test_nobody_at_the_address_is_a_place_that_is_down(volume, folder):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        elsewhere = folder / "kubeconfig"
        port = unused.getsockname()[1]
        elsewhere.write_text(KUBECONFIG.read_text().replace(":16443", f":{port}"))
        with pytest.raises(BackendDownError, match="does not answer"):
            await make(volume, folder, kubeconfig=elsewhere).submit(planned(folder, FIRST))


@pytest.mark.skipif(own_api_server() is None, reason="the API server is not one that .ci/cluster/up started")
async def test_runs_go_on_while_the_api_server_is_dead(backend, folder):
    run = planned(folder, step("wait", "while [ ! -e go ]; do sleep 0.1; done; echo 1 > done.txt"))
    await backend.submit(run)
    await working(backend, run)
    server = own_api_server()
    os.kill(server.pid, signal.SIGKILL)
    try:
        with pytest.raises(BackendDownError):
            await backend.submit(planned(folder, FIRST, attempt=2))
        assert (await backend.status(run)).state is RunState.RUNNING
        (run.directory / "go").touch()
        assert (await end_of(backend, run)).state is RunState.SUCCEEDED
    finally:
        await anyio.run_process([server.start])
        await until(server.answers, LIMIT_S)
    assert (await finish(backend, planned(folder, FIRST, attempt=2))).state is RunState.SUCCEEDED
