"""`mxmesh trace` on the files that services write, rotated and broken ones among them."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from typer.testing import CliRunner

from cli.__main__ import app
from cli.home import spans_folder
from cli.traces import services_in, spans_of
from shared.rotation import RotatedFile, parts
from shared.telemetry import SpanFile


def traces(folder, service, n, mb=1.0):
    """Write ``n`` traces of one span; their ids."""
    file = RotatedFile(folder / f"{service}.jsonl", mb, 30)
    provider = TracerProvider(resource=Resource.create({"service.name": f"mxmesh-{service}"}))
    provider.add_span_processor(SimpleSpanProcessor(SpanFile(file)))
    tracer = provider.get_tracer("test")
    ids = []
    for _ in range(n):
        with tracer.start_as_current_span("work") as span:
            ids.append(f"{span.get_span_context().trace_id:032x}")
    provider.shutdown()
    return ids


def test_spans_are_found_in_rotated_files(tmp_path):
    ids = traces(tmp_path, "writer", 200, mb=0.1)
    assert parts(tmp_path / "writer.jsonl")[1].exists()
    assert all(services_in(tmp_path, trace_id) == {"mxmesh-writer"} for trace_id in ids[-150:])


def test_a_span_written_in_part_does_not_hide_the_others(tmp_path):
    first, second = traces(tmp_path, "writer", 1) + traces(tmp_path, "ingester", 1)
    whole = (tmp_path / "writer.jsonl").read_text()
    (tmp_path / "writer.jsonl").write_text(whole + whole[:100] + whole)
    assert len(list(spans_of(tmp_path, first))) == 1
    assert len(list(spans_of(tmp_path, second))) == 1


def test_the_command_shows_a_trace_whose_file_is_rotated_away(tmp_path):
    folder = spans_folder(tmp_path)
    (trace_id,) = traces(folder, "writer", 1)
    (folder / "writer.jsonl").rename(folder / "writer.jsonl.1")
    shown = CliRunner().invoke(app, ["trace", trace_id[:8], "--home", str(tmp_path)])
    assert shown.exit_code == 0
    assert "writer work" in shown.output
