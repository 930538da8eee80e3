"""Wrong values: refused before anything is installed, with words that help."""

import pytest

from tests.charts.chart import refusal


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("mode=loud", "at '/mode': value must be one of 'shadow', 'live'"),
        ("beamline=I03", "at '/beamline': 'I03' does not match pattern"),
        ("services.spotfinder.replica=3", "at '/services/spotfinder': additional properties 'replica' not allowed"),
        ("services.spotfinder.settings.nsigma=3", "additional properties 'nsigma' not allowed"),
        ("services.spotfinder.settings.workers=-1", "at '/services/spotfinder/settings/workers'"),
        ("services.writer.replicas=2", "at '/services/writer': additional properties 'replicas' not allowed"),
        ("services.writer.settings.broker.url=x", "additional properties 'broker' not allowed"),
        ("services.launcher.settings.kubernetes.cpus=3", "additional properties 'cpus' not allowed"),
        ("broker.url=stomp://me:secret@activemq:61613", "at '/broker/url'"),
        ("broker.password=secret", "at '/broker': additional properties 'password' not allowed"),
        ("services.writer.resources.limits.memory=lots", "at '/services/writer/resources/limits/memory'"),
        (
            "services.aggregator.settings.monitor.url=http://me:secret@mq:8161",
            "at '/services/aggregator/settings/monitor/url'",
        ),
        ("autoscaling.kind=magic", "at '/autoscaling/kind'"),
    ],
)
def test_the_schema_names_what_is_wrong(wrong, words):
    assert words in refusal(wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["data.roots[0]=/elsewhere"], "/elsewhere is on no volume: add one to data.volumes"),
        (["data.roots[0]=/dls/i03/data2"], "/dls/i03/data2 is on no volume"),
        (["data.volumes[0].hostPath=/x"], "set one of claim, nfs and hostPath of volume visits"),
        (["data.volumes[0].claim="], "set one of claim, nfs and hostPath of volume visits"),
        (["services.launcher.settings.backend=local"], "choose kubernetes or slurm"),
        (["services.launcher.settings.backend=slurm"], "slurmToken.existingSecret is missing"),
        (["autoscaling.kind=keda"], "autoscaling.managementEndpoint is missing"),
        (["autoscaling.minReplicas=9"], "autoscaling.maxReplicas is less than autoscaling.minReplicas"),
        (["services.aggregator.settings.monitor.password=secret"], "MXMESH_MONITOR_PASSWORD"),
        (["broker.externalSecret.enabled=true"], "broker.externalSecret needs storeName and remoteKey"),
        (
            ["data.volumes[0].claim=", "data.volumes[0].nfs.server=s", "data.volumes[0].nfs.path=/p"],
            "make a PersistentVolumeClaim of it",
        ),
    ],
)
def test_what_the_schema_cannot_say_is_refused_with_a_remedy(wrong, words):
    assert words in refusal(*wrong)
