"""Alerts and dashboard ask for figures that the aggregator tells, and for no others."""

import json
import re
from functools import cache

import pytest
from prometheus_client.parser import text_string_to_metric_families

from services.aggregator.health import Circumstances
from services.aggregator.metrics import exposition
from services.aggregator.settings import MonitorSettings
from shared.messages import RunState
from tests.aggregator.brokers import commits, health
from tests.aggregator.builders import (
    GRID,
    T0,
    accepted,
    beats,
    centred,
    changed,
    dead_letter,
    fold_all,
    found,
    heard,
    rejected,
    s,
)
from tests.charts.chart import FULL, ROOT, of_kind, render, values_of

LABELS = re.compile(r"(\w+)=\"([^\"]*)\"")
METRIC = re.compile(r"(mxmesh_\w+)(?:{([^}]*)})?")


@cache
def told():
    """Name of every sample to its labels, with something of everything in the state."""
    night = [*beats(), heard(dead_letter()), heard(rejected()), heard(changed(RunState.QUEUED, 0))]
    grid = [heard(accepted(GRID)), heard(found({0: 5}, s(2))), heard(centred(GRID, s(3)))]
    circumstances = Circumstances(s(10), T0, broker=health(), commits=(commits(),))
    text = exposition(fold_all(night + grid), circumstances, "i03").decode()
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append(sample.labels)
    return samples


@cache
def rules():
    (rule,) = of_kind(render("i03", values_of("i03")), "PrometheusRule").values()
    return {each["alert"]: each for group in rule["spec"]["groups"] for each in group["rules"]}


@cache
def panels():
    text = of_kind(render("i03", values_of("i03")), "ConfigMap")["i03-dashboard"]["data"]["i03.json"]
    return json.loads(text)["panels"]


def questions():
    yield from (rule["expr"] for rule in rules().values())
    yield from (target["expr"] for panel in panels() for target in panel["targets"])


def test_every_figure_asked_for_is_told_with_these_labels():
    asked = [(name, dict(LABELS.findall(labels))) for each in questions() for name, labels in METRIC.findall(each)]
    assert len(asked) > 15
    for name, labels in asked:
        assert any(labels.items() <= has.items() for has in told()[name]), (name, labels)


def test_every_figure_told_is_on_the_dashboard():
    drawn = {name for panel in panels() for target in panel["targets"] for name, _ in METRIC.findall(target["expr"])}
    in_alerts = {name for rule in rules().values() for name, _ in METRIC.findall(rule["expr"])}
    assert set(told()) == drawn | in_alerts


def test_every_question_is_about_this_beamline():
    for each in questions():
        assert 'beamline="i03"' in each


@pytest.mark.parametrize(
    "what",
    [
        "MxmeshStatusUnknown",
        "MxmeshServiceSilent",
        "MxmeshBrokerSlow",
        "MxmeshBrokerHeapFull",
        "MxmeshBrokerStoreFull",
        "MxmeshBrokerStoreGrows",
        "MxmeshQueueUnread",
        "MxmeshBrokerUntold",
        "MxmeshDeadLetters",
        "MxmeshCentringSlow",
        "MxmeshImagesWait",
        "MxmeshRunsWait",
    ],
)
def test_an_alert_says_what_to_do(what):
    rule = rules()[what]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert re.search(r"\b(Look|Give|Start|mxmesh dlq)\b", rule["annotations"]["description"])


def test_whoever_is_called_finds_every_alert_in_the_table():
    table = re.findall(r"^\| (Mxmesh\w+) \|", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    assert sorted(table) == sorted(rules())


def test_words_of_an_alert_name_only_labels_that_its_figure_has():
    for rule in rules().values():
        (name, _), *_ = METRIC.findall(rule["expr"])
        words = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", words)) <= set(told()[name][0])


def test_limits_of_alerts_are_values():
    changed_limit = ("monitoring.prometheusRule.imagesWaiting=1234567",)
    (rule,) = of_kind(render("i03", values_of("i03"), sets=changed_limit), "PrometheusRule").values()
    assert "> 1234567" in json.dumps(rule)


LIMITS = MonitorSettings()
OF_BROKER = {
    "MxmeshBrokerSlow": ("commit_ms", LIMITS.commit_ms / 1000, 0.05),
    "MxmeshBrokerHeapFull": ("heap_percent", LIMITS.heap_percent, 50),
    "MxmeshBrokerStoreFull": ("store_percent", LIMITS.store_percent, 50),
    "MxmeshBrokerStoreGrows": ("oldest_file_days", LIMITS.oldest_file_days * 86400, 50 * 86400),
}


@pytest.mark.parametrize("alert", OF_BROKER)
def test_limits_of_the_broker_are_those_of_the_page(alert):
    """Said once, as a setting of the aggregator."""
    setting, default, of_fifty = OF_BROKER[alert]
    assert float(rules()[alert]["expr"].split(" > ")[1]) == default
    sets = (f"services.aggregator.settings.monitor.{setting}=50",)
    (rule,) = of_kind(render("i03", values_of("i03"), sets=sets), "PrometheusRule").values()
    (changed,) = (each for group in rule["spec"]["groups"] for each in group["rules"] if each["alert"] == alert)
    assert float(changed["expr"].split(" > ")[1]) == of_fifty


def test_prometheus_reads_the_port_and_path_that_the_aggregator_serves():
    manifests = render("full", FULL)
    (monitor,) = of_kind(manifests, "ServiceMonitor").values()
    (endpoint,) = monitor["spec"]["endpoints"]
    service = of_kind(manifests, "Service")["full-aggregator"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_panels_of_the_dashboard_do_not_overlap():
    taken = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())
