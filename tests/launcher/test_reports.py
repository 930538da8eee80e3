"""What runs leave behind becomes typed results; what is missing or mutilated is named and never fatal."""

import json
import math

import pytest
from hypothesis import given, settings, strategies as st

from services.launcher.reports import report
from services.launcher.reports.autoproc import read_autoproc
from services.launcher.reports.dials import read_dials
from services.launcher.reports.fast_dp import read_fast_dp
from services.launcher.reports.xia2 import read_xia2
from services.launcher.runs import Ending, StepRecord
from shared.messages import RunState, now
from tests.launcher.builders import job
from tests.launcher.samples import CELL, autoproc_run, dials_run, fast_dp_run, xia2_run


def test_a_dials_run_is_read_whole(tmp_path):
    findings = read_dials(dials_run(tmp_path))
    assert findings.reduction.space_group == "P 41 21 2"
    assert findings.reduction.unit_cell == tuple(CELL)
    assert [shell.shell for shell in findings.reduction.shells] == ["overall", "inner", "outer"]
    assert findings.reduction.shells[0].cc_half == 0.998
    assert (findings.reduction.n_spots, findings.reduction.n_indexed) == (10642, 10640)
    assert findings.programs == {"dials": "3.12"}
    assert findings.missing == ()


def test_files_come_with_their_kind_the_results_first(tmp_path):
    files = read_dials(dials_run(tmp_path)).files
    assert files[0].path == str(tmp_path / "merged.mtz")
    assert [file.kind for file in files] == ["result", "result", "report", "log", "log", "log", "log"]


def test_a_run_that_failed_after_indexing_still_has_a_cell(tmp_path):
    (dials_run(tmp_path) / "merging_statistics.json").unlink()
    findings = read_dials(tmp_path)
    assert findings.reduction.unit_cell == pytest.approx((37.1, 78.9, 78.9, 90, 90, 90))
    assert findings.reduction.space_group == "P 41 21 2"
    assert findings.missing == ("merging statistics",)


def test_an_empty_directory_is_all_missing(tmp_path):
    assert read_dials(tmp_path).missing == ("merging statistics", "unit cell")
    assert read_xia2(tmp_path).missing == ("merging statistics", "unit cell", "space group")


def test_a_xia2_run_is_read_from_its_summary(tmp_path):
    findings = read_xia2(xia2_run(tmp_path))
    overall, inner, outer = findings.reduction.shells
    assert (overall.n_observations, inner.n_unique, outer.d_max_A) == (42000, 570, 1.83)
    assert (overall.r_merge, overall.r_meas, outer.cc_half) == (0.051, 0.058, 0.8)
    assert findings.reduction.unit_cell == tuple(CELL)
    assert findings.reduction.space_group == "P 41 21 2"
    assert findings.programs == {"xia2": "3.12.1", "dials": "3.12"}
    assert findings.files[0].path.endswith("_free.mtz")


def test_a_xia2_run_that_failed_after_scaling_keeps_its_shells(tmp_path):
    findings = read_xia2(xia2_run(tmp_path, summary=False))
    overall, inner, outer = findings.reduction.shells
    assert overall.n_observations == 42000
    assert inner.completeness_percent == 99.1
    assert inner.anomalous_completeness_percent == 98
    assert outer.anomalous_completeness_percent is None
    assert findings.missing == ("unit cell", "space group")


def test_the_swapped_names_of_the_edges_do_not_deceive(tmp_path):
    _, inner, outer = read_xia2(xia2_run(tmp_path, summary=False)).reduction.shells
    assert inner.d_max_A == pytest.approx(1 / math.sqrt(0.00016))
    assert inner.d_min_A == pytest.approx(1 / math.sqrt(0.0417))
    assert outer.d_max_A > outer.d_min_A == pytest.approx(1.8, abs=0.001)


ENDED = now()


def ending(state, reason=None):
    done = StepRecord(name="first", state="done", begun_at=0, seconds=1.5)
    return Ending(state=state, reason=reason, steps=(done,), host="node1", started_at=ENDED, ended_at=ENDED)


def test_the_result_says_what_ran_where_and_what_it_gave(tmp_path):
    planned = job(tmp_path)
    dials_run(planned.directory)
    result = report(planned, ending(RunState.SUCCEEDED))
    assert (result.family, result.state, result.reason, result.host) == ("dials", "succeeded", None, "node1")
    assert result.run.run_id == planned.run_id
    assert result.steps[0].seconds == 1.5
    assert result.command[:2] == ("/bin/sh", "-c")
    assert result.reduction.n_spots == 10642


def test_the_same_end_gives_the_same_result_again(tmp_path):
    planned = job(tmp_path)
    dials_run(planned.directory)
    assert report(planned, ending(RunState.SUCCEEDED)) == report(planned, ending(RunState.SUCCEEDED))


def test_a_failed_run_keeps_its_reason_and_what_it_left(tmp_path):
    planned = job(tmp_path)
    dials_run(planned.directory)
    result = report(planned, ending(RunState.FAILED, "dials.merge left no merged.mtz"))
    assert result.reason == "dials.merge left no merged.mtz"
    assert result.reduction.shells


def test_a_success_without_results_says_so(tmp_path):
    result = report(job(tmp_path), ending(RunState.SUCCEEDED))
    assert result.reason == "not found among the results: merging statistics, unit cell"


def test_a_fast_dp_run_is_read_whole(tmp_path):
    found = read_fast_dp(fast_dp_run(tmp_path))
    assert found.reduction.space_group == "I 2 3"
    assert found.reduction.unit_cell == (77.9622, 77.9622, 77.9622, 90, 90, 90)
    overall, inner, outer = found.reduction.shells
    assert (overall.r_merge, overall.completeness_percent, overall.n_unique) == (0.033, 84.1, 9801)
    assert (inner.d_min_A, outer.d_max_A, outer.r_merge) == (6.7, 1.54, 0.61)
    assert overall.r_pim is None  # fast_dp does not tell it
    assert found.programs == {"fast_dp": "1.6.2"}
    assert found.missing == ()


def test_without_its_json_a_fast_dp_run_is_read_from_its_container(tmp_path):
    (fast_dp_run(tmp_path) / "fast_dp.json").unlink()
    found = read_fast_dp(tmp_path)
    assert found.reduction.unit_cell == (57.8, 57.8, 150.2, 90, 90, 90)
    assert [shell.shell for shell in found.reduction.shells] == ["overall", "outer"]


def test_an_autoproc_run_has_its_own_reduction_and_that_of_staraniso(tmp_path):
    found = read_autoproc(autoproc_run(tmp_path))
    (staraniso,) = found.alternatives
    assert (found.reduction.space_group, staraniso.name) == ("P 2 2 2", "STARANISO")
    assert staraniso.reduction.space_group == "P 21 21 21"
    overall, outer = found.reduction.shells
    assert (overall.d_max_A, overall.d_min_A, overall.r_merge, overall.cc_half) == (67.417, 2.506, 0.058, 0.995)
    assert (overall.r_meas, overall.r_meas_anomalous, outer.r_pim) == (0.068, 0.069, None)
    assert found.programs == {"autoPROC": "1.0.5"}


def test_an_autoproc_run_that_failed_has_no_second_reduction(tmp_path):
    found = read_autoproc(tmp_path)
    assert (found.alternatives, found.missing) == ((), ("merging statistics", "unit cell"))


def test_a_container_with_entities_is_not_expanded(tmp_path):
    entity = '<!DOCTYPE a [<!ENTITY x "P 1">]>'
    bomb = f"{entity}<AutoProcContainer><AutoProc><spaceGroup>&x;</spaceGroup></AutoProc></AutoProcContainer>"
    (tmp_path / "autoPROC.xml").write_text(bomb)
    assert read_autoproc(tmp_path).reduction.space_group is None


@pytest.mark.parametrize("make", [fast_dp_run, autoproc_run], ids=["fast_dp", "autoPROC"])
def test_what_a_user_opens_first_comes_first(tmp_path, make):
    read = read_fast_dp if make is fast_dp_run else read_autoproc
    files = read(make(tmp_path)).files
    assert files[0].path.endswith(".mtz")
    assert [file.rank for file in files] == list(range(1, len(files) + 1))


READERS = {
    "dials": (read_dials, dials_run),
    "xia2": (read_xia2, xia2_run),
    "fast_dp": (read_fast_dp, fast_dp_run),
    "autoPROC": (read_autoproc, autoproc_run),
}
NASTY = [b"NaN", b"-1", b"null", b"[]", b"{}", b'"x"', b"1e999", b"99999999999999999999", b"\xff"]


@pytest.fixture(params=READERS, scope="module")
def whole_run(request, tmp_path_factory):
    """A reader and its files, by name; the same directory for all examples."""
    read, make = READERS[request.param]
    directory = make(tmp_path_factory.mktemp(request.param))
    texts = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.suffix != ".mtz")
    return read, directory, {path: path.read_bytes() for path in texts}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_mutilation_is_fatal(whole_run, data):
    """Cut, overwrite or replace a piece of any file: reading goes on."""
    read, directory, files = whole_run
    victim = data.draw(st.sampled_from(sorted(files)))
    victim.write_bytes(mutilate(files[victim], data))
    check(read(directory).reduction)
    victim.write_bytes(files[victim])


def check(reduction):
    """No number that is not one gets through."""
    assert all(math.isfinite(shell.d_min_A) and shell.n_observations >= 0 for shell in reduction.shells)
    assert all(0 < value < math.inf for value in reduction.unit_cell or ())


def mutilate(content, data):
    at = data.draw(st.integers(0, len(content)))
    to = data.draw(st.integers(at, min(len(content), at + 40)))
    piece = data.draw(st.one_of(st.binary(max_size=8), st.sampled_from(NASTY)))
    return content[:at] + piece + data.draw(st.sampled_from([content[to:], b""]))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("whole_run", ["dials", "xia2", "fast_dp"], indirect=True)  # those that leave JSON
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_value_of_a_wrong_type_is_fatal(whole_run, data):
    """The file is whole JSON as python writes it, but a value somewhere is anything at all."""
    read, directory, files = whole_run
    victim = data.draw(st.sampled_from([path for path in sorted(files) if path.suffix in {".json", ".expt"}]))
    victim.write_text(json.dumps(replace_somewhere(json.loads(files[victim]), data)))
    check(read(directory).reduction)
    victim.write_bytes(files[victim])


def replace_somewhere(content, data):
    if not isinstance(content, dict | list) or not content or data.draw(st.integers(0, 3)) == 0:
        return data.draw(VALUES)
    key = data.draw(st.sampled_from(sorted(content) if isinstance(content, dict) else range(len(content))))
    content[key] = replace_somewhere(content[key], data)
    return content
