"""``activemq.xml`` of the chart's own broker: that of the local broker, with a login from variables."""

from string import Template

from cli.broker_configuration import TEMPLATE, Policy, connector

FOLDER = "/broker"
STOMP_PORT = 61613
FROM_VARIABLES = '<bean class="org.springframework.beans.factory.config.PropertyPlaceholderConfigurer"/>'


def activemq_xml() -> str:
    """The broker's configuration; the Secret's user and password come as variables of its container."""
    return Template(TEMPLATE.read_text()).substitute(
        placeholders=FROM_VARIABLES,
        directory=FOLDER,
        user="${MXMESH_BROKER_USER}",
        password="${MXMESH_BROKER_PASSWORD}",  # noqa: S106 - the name of a variable
        **Policy().words(),
        tls_context="",
        monitor="",
        connectors=connector("stomp+nio", STOMP_PORT, "0.0.0.0"),  # noqa: S104 - in a pod
    )
