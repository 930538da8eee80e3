"""What runs leave behind becomes typed results; what is missing or mutilated is named and never fatal."""

import json
import math
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given, settings, strategies as st

from services.launcher.reports import Findings, report
from services.launcher.reports.autoproc import read_autoproc
from services.launcher.reports.autoproc_container import read_container
from services.launcher.reports.dials import read_dials
from services.launcher.reports.fast_dp import read_fast_dp
from services.launcher.reports.xia2 import read_xia2
from services.launcher.runs import Ending, StepRecord
from shared.messages import Reduction, RunState, now
from tests.launcher.builders import job
from tests.launcher.samples import (
    AUTOPROC_XML,
    CELL,
    FAST_DP_XML,
    XIA2_LOG,
    autoproc_run,
    container,
    dials_run,
    fast_dp_run,
    scaling_xml,
    shell_xml,
    xia2_3dii_run,
    xia2_run,
)


def test_a_dials_run_is_read_whole(tmp_path):
    findings = read_dials(dials_run(tmp_path))
    assert findings.reduction.space_group == "P 41 21 2"
    assert findings.reduction.unit_cell == tuple(CELL)
    assert [shell.shell for shell in findings.reduction.shells] == ["overall", "inner", "outer"]
    assert findings.reduction.shells[0].cc_half == 0.998
    assert (findings.reduction.n_spots, findings.reduction.n_indexed) == (10642, 10640)
    assert findings.reduction.n_indexed_by_lattice == (10040, 600)
    assert findings.programs == {"dials": "3.12"}
    assert findings.missing == ()


READERS = {
    "dials": (read_dials, dials_run),
    "xia2": (read_xia2, xia2_3dii_run),
    "fast_dp": (read_fast_dp, fast_dp_run),
    "autoPROC": (read_autoproc, autoproc_run),
}
NASTY = [
    b"NaN",
    b"-1",
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"1e999",
    b"99999999999999999999",
    b"\xff",
    b"true",
    b"&x;",
    b"<",
]


def names(files, rank):
    return [Path(file.path).name for file in files if file.rank == rank]


def test_files_come_with_kind_and_rank_what_a_user_opens_first_comes_first(tmp_path):
    files = read_dials(dials_run(tmp_path)).files
    assert files[0].path == str(tmp_path / "merged.mtz")
    assert [file.kind for file in files] == ["result", "report", "result", "log", "log", "log", "log"]
    assert [file.rank for file in files] == [1, 2, 3, 5, 5, 5, 5]


def test_of_every_program_merged_intensities_come_first_and_the_report_second(tmp_path):
    first = {
        "xia2": ("AUTOMATIC_DEFAULT_free.mtz", "xia2.html"),
        "autoPROC": ("truncate-unique.mtz", "summary.html"),
        "fast_dp": ("fast_dp.mtz", None),
    }
    for family, (merged, report_file) in first.items():
        read, make = READERS[family]
        files = read(make(tmp_path / family)).files
        assert names(files, 1)[0] == merged
        assert next(iter(names(files, 2)), None) == report_file


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
    assert (overall.anomalous_completeness_percent, outer.cc_anomalous) == (95.1, None)
    assert (findings.reduction.n_spots, findings.reduction.n_indexed) == (10642, 21280)
    assert findings.programs == {"xia2": "3.12.0", "dials": "3.12", "CCP4": "8.0"}
    assert findings.files[0].path.endswith("_free.mtz")
    assert set(names(findings.files, 4)) >= {"xia2.mmcif.bz2", "AUTOMATIC_DEFAULT_SCALE.html"}


def test_a_xia2_run_that_failed_after_scaling_keeps_its_shells_and_what_its_log_says(tmp_path):
    findings = read_xia2(xia2_run(tmp_path, summary=False))
    overall, inner, _ = findings.reduction.shells
    assert (overall.n_observations, inner.completeness_percent) == (42000, 99.1)
    assert findings.reduction.space_group == "P 43 21 2"
    assert findings.reduction.unit_cell == (78.9, 78.9, 37.1, 90, 90, 90)
    assert findings.missing == ()
    assert names(findings.files, 4)[0] == "AUTOMATIC_DEFAULT_scaled.mtz"


def test_statistics_of_merged_friedel_mates_are_not_taken_for_those_within_them(tmp_path):
    overall, inner, outer = read_xia2(xia2_run(tmp_path, summary=False)).reduction.shells
    assert (overall.r_merge, inner.r_merge, outer.r_merge) == (None, None, None)
    assert (overall.r_meas, inner.r_pim, outer.cc_half) == (0.022, 0.01, 0.8)


def test_a_xia2_run_that_failed_before_scaling_has_the_cell_of_its_indexing(tmp_path):
    (tmp_path / "xia2.txt").write_text(XIA2_LOG)
    findings = read_xia2(tmp_path)
    assert findings.reduction.unit_cell == (78.91, 78.91, 37.11, 90, 90, 90)
    assert findings.missing == ("merging statistics", "space group")


def test_the_swapped_names_of_the_edges_do_not_deceive(tmp_path):
    _, inner, outer = read_xia2(xia2_run(tmp_path, summary=False)).reduction.shells
    assert inner.d_max_A == pytest.approx(1 / math.sqrt(0.00016))
    assert inner.d_min_A == pytest.approx(1 / math.sqrt(0.0417))
    assert outer.d_max_A > outer.d_min_A == pytest.approx(1.8, abs=0.001)


def test_the_3d_pipelines_of_xia2_say_which_xds_it_was(tmp_path):
    assert read_xia2(xia2_3dii_run(tmp_path)).programs["xds"] == "20220220"


def test_a_fast_dp_run_is_read_from_its_json(tmp_path):
    findings = read_fast_dp(fast_dp_run(tmp_path))
    overall, inner, outer = findings.reduction.shells
    assert findings.reduction.space_group == "I 2 3"
    assert findings.reduction.unit_cell == (77.9622, 77.9622, 77.9622, 90, 90, 90)
    assert (overall.r_merge, overall.cc_half, overall.completeness_percent) == (0.033, 0.999, 84.1)
    assert (inner.d_min_A, inner.r_merge, outer.d_max_A, outer.cc_half) == (6.35, 0.019, 1.46, 0.61)
    assert (overall.r_pim, overall.n_observations) == (None, 43211)
    assert (findings.programs, findings.missing) == ({"fast_dp": "2.0.0"}, ())


def test_a_fast_dp_run_is_read_from_its_xml_if_the_json_is_not_whole(tmp_path):
    text = (fast_dp_run(tmp_path) / "fast_dp.json").read_text()
    (tmp_path / "fast_dp.json").write_text(text[: len(text) // 2])
    findings = read_fast_dp(tmp_path)
    assert findings.reduction.shells[0].r_merge == 0.058
    assert findings.reduction.space_group == "I 2 3"
    assert findings.missing == ()


def test_a_fast_dp_run_that_ended_early_keeps_what_its_log_says(tmp_path):
    findings = read_fast_dp(fast_dp_run(tmp_path, finished=False))
    assert findings.reduction.space_group == "I 2 3"
    assert findings.reduction.unit_cell == (77.96, 77.96, 77.96, 90, 90, 90)
    assert findings.missing == ("merging statistics",)


def test_an_autoproc_run_is_read_from_the_first_cell_and_the_last_scaling(tmp_path):
    findings = read_autoproc(autoproc_run(tmp_path))
    overall, _, outer = findings.reduction.shells
    assert findings.reduction.space_group == "P 2 2 2"
    assert findings.reduction.unit_cell == (41.61, 44.83, 67.42, 90, 90, 90)
    assert (overall.d_max_A, overall.d_min_A, overall.r_merge) == (67.417, 2.506, 0.058)
    assert (overall.completeness_percent, overall.i_over_sigma, overall.cc_half) == (84.3, 8.6, 0.995)
    assert (overall.cc_anomalous, outer.d_max_A) == (-0.12, 2.549)
    assert (findings.programs, findings.missing) == ({"autoPROC": "20240710"}, ())


def test_staraniso_is_a_second_result_of_the_same_run(tmp_path):
    (second,) = read_autoproc(autoproc_run(tmp_path)).alternatives
    assert (second.name, second.reduction.space_group) == ("STARANISO", "P 2 2 2")
    (shell,) = second.reduction.shells
    assert (shell.d_min_A, shell.completeness_percent) == (2.21, 61.7)


def test_the_version_of_an_autoproc_run_that_ended_early_is_in_its_log(tmp_path):
    (tmp_path / "02_autoPROC.log").write_text("autoPROC snapshot 1.0.5 (20240123)\n")
    findings = read_autoproc(tmp_path)
    assert findings.programs == {"autoPROC": "20240123"}
    assert findings.missing == ("merging statistics", "unit cell", "space group")


def test_without_staraniso_there_is_one_result(tmp_path):
    findings = read_autoproc(autoproc_run(tmp_path, staraniso=False))
    assert findings.alternatives == ()
    assert len(findings.reduction.shells) == 3


def test_the_beam_is_given_along_the_fast_axis_first_whoever_wrote_it(tmp_path):
    """fast_dp writes the slow axis first; autoPROC the fast one, in pixels before April 2021."""
    assert read_fast_dp(fast_dp_run(tmp_path / "1")).reduction.beam_centre_mm == (159.5, 155.25)
    assert read_autoproc(autoproc_run(tmp_path / "2")).reduction.beam_centre_mm == (92.48, 94.71)
    old = autoproc_run(tmp_path / "3") / "autoPROC/autoPROC.xml"
    old.write_text(old.read_text().replace("20240710", "20200101"))
    assert read_autoproc(tmp_path / "3").reduction.beam_centre_mm is None


ENTITY = """<!DOCTYPE a [<!ENTITY b {}>]>
<AutoProcContainer><AutoProc><spaceGroup>&b;</spaceGroup></AutoProc></AutoProcContainer>"""


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "<AutoProcContainer/>",
        "<AutoProcContainer><AutoProc/><AutoProcScalingContainer/></AutoProcContainer>",
        '<?xml version="1.0" encoding="nonsense"?><AutoProcContainer/>',
        ENTITY.format('"I 2 3"'),
        ENTITY.format('SYSTEM "file:///etc/passwd"'),
    ],
    ids=["nothing", "empty", "empty parts", "unknown encoding", "entity", "external entity"],
)
def test_a_container_without_anything_to_trust_gives_nothing(tmp_path, xml):
    (tmp_path / "fast_dp.xml").write_text(xml)
    assert read_container(tmp_path / "fast_dp.xml").reduction == Reduction()


def test_of_a_shell_only_what_is_no_number_is_left_out(tmp_path):
    xml = container(scaling_xml(shell_xml("overall", ccHalf="nan", rMerge="", multiplicity="1e999", completeness="-")))
    (tmp_path / "fast_dp.xml").write_text(xml)
    (shell,) = read_container(tmp_path / "fast_dp.xml").reduction.shells
    assert (shell.cc_half, shell.r_merge, shell.multiplicity, shell.completeness_percent) == (None,) * 4
    assert shell.i_over_sigma == 8.6


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


@pytest.fixture(params=READERS, scope="module")
def whole_run(request, tmp_path_factory):
    """A reader and its files, by name; the same directory for all examples."""
    return written(*READERS[request.param], tmp_path_factory.mktemp(request.param))


def written(read, make, directory):
    make(directory)
    texts = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.suffix != ".mtz")
    return read, directory, {path: path.read_bytes() for path in texts}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_mutilation_is_fatal(whole_run, data):
    """Cut, overwrite or replace a piece of any file: reading goes on."""
    read, directory, files = whole_run
    victim = data.draw(st.sampled_from(sorted(files)))
    victim.write_bytes(mutilate(files[victim], data))
    check(read(directory))
    victim.write_bytes(files[victim])


def check(findings):
    """No number that is not one gets through, and none that the database could not hold."""
    for reduction in reductions_of(findings):
        assert all(0 < value < math.inf for value in reduction.unit_cell or ())
        assert all(math.isfinite(value) for value in numbers_of(reduction))
        assert all(shell.d_max_A >= shell.d_min_A > 0 for shell in reduction.shells)
        assert all(shell.n_observations < 2**31 for shell in reduction.shells)


def reductions_of(findings):
    return [findings.reduction, *(second.reduction for second in findings.alternatives)]


def numbers_of(reduction):
    """Everything that a reduction says in numbers."""
    values = [value for shell in reduction.shells for value in shell.model_dump(exclude={"shell"}).values()]
    counts = [reduction.n_spots, reduction.n_indexed, *reduction.n_indexed_by_lattice]
    named = [*values, *(reduction.unit_cell or ()), *(reduction.beam_centre_mm or ()), *counts]
    return [value for value in named if value is not None]


IN_JSON = {name: READERS[name] for name in ("dials", "xia2", "fast_dp")}
AS_WRITTEN = {name: READERS[name] for name in ("fast_dp", "autoPROC")}


@pytest.fixture(params=IN_JSON, scope="module")
def json_run(request, tmp_path_factory):
    """As ``whole_run``, of the programs that write JSON."""
    return written(*IN_JSON[request.param], tmp_path_factory.mktemp(request.param))


@pytest.fixture(params=AS_WRITTEN, scope="module")
def plain_run(request, tmp_path_factory):
    """As ``whole_run``, of the programs whose numbers are passed on as they are written."""
    return written(*AS_WRITTEN[request.param], tmp_path_factory.mktemp(request.param))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_number_is_reported_that_is_not_in_a_file(plain_run, data):
    read, directory, files = plain_run
    victim = data.draw(st.sampled_from(sorted(files)))
    victim.write_bytes(mutilate(files[victim], data))
    there = {number for path in files for number in numbers_in(path.read_bytes())}
    findings = read(directory)
    reported = [value for reduction in reductions_of(findings) for value in numbers_of(reduction)]
    assert set(reported) <= there
    victim.write_bytes(files[victim])


def numbers_in(content):
    texts = re.findall(rb"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", content)
    return {float(text) for text in texts}


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


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_value_of_a_wrong_type_is_fatal(json_run, data):
    """The file is whole JSON as python writes it, but a value somewhere is anything at all."""
    read, directory, files = json_run
    victim = data.draw(st.sampled_from([path for path in sorted(files) if path.suffix in {".json", ".expt"}]))
    victim.write_text(json.dumps(replace_somewhere(json.loads(files[victim]), data)))
    check(read(directory))
    victim.write_bytes(files[victim])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_element_that_is_gone_empty_or_repeated_is_fatal(tmp_path_factory, data):
    root = fromstring(data.draw(st.sampled_from([AUTOPROC_XML, container(FAST_DP_XML)])))
    parent = data.draw(st.sampled_from([element for element in root.iter() if len(element)]))
    child = data.draw(st.sampled_from(list(parent)))
    at = list(parent).index(child)
    parent[at : at + 1] = data.draw(st.sampled_from([[], [child, child], [ET.Element(child.tag)]]))
    path = tmp_path_factory.mktemp("xml") / "autoPROC.xml"
    path.write_bytes(ET.tostring(root))
    check(Findings(read_container(path).reduction))


def replace_somewhere(content, data):
    if not isinstance(content, dict | list) or not content or data.draw(st.integers(0, 3)) == 0:
        return data.draw(VALUES)
    key = data.draw(st.sampled_from(sorted(content) if isinstance(content, dict) else range(len(content))))
    content[key] = replace_somewhere(content[key], data)
    return content
