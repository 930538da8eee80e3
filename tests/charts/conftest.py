"""Nothing of the chart can be tested without helm, except what is written by `python -m cli.chart`."""

import pytest

from tests.charts.chart import HELM, WHY


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/charts" in str(item.path) and item.path.name != "test_documents.py" and HELM is None:
            item.add_marker(pytest.mark.skip(reason=WHY))
