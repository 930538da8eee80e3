import os
from concurrent.futures import ThreadPoolExecutor

from cli.home import NoMeshError, RunningMesh


def test_whoever_looks_for_a_mesh_finds_its_note_whole_or_not_at_all(tmp_path):
    running = RunningMesh(
        pid=os.getpid(),
        beamline="i03",
        broker_url="stomp://127.0.0.1:1",
        page_url="http://127.0.0.1:2",
        data_roots=(tmp_path,),
        database=tmp_path / "results.sqlite",
        spans=tmp_path / "spans",
    )

    def come_and_go():
        for _ in range(300):
            running.write(tmp_path)
            RunningMesh.remove(tmp_path)

    found = set()
    with ThreadPoolExecutor() as pool:
        at_work = pool.submit(come_and_go)
        while not at_work.done():
            try:
                found.add(RunningMesh.find(tmp_path).pid)
            except NoMeshError:
                found.add(None)
    assert at_work.result() is None
    assert found == {None, os.getpid()}
    running.write(tmp_path)
    assert (tmp_path / "mesh.json").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["mesh.json"]
