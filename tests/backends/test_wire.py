"""What a collector takes over the wire, to the last field."""

import pytest
from rotel_agent import Rotel
from scenarios import SCENARIOS
from tracing import traced
from wire import arrived, sent

pytest_plugins = ["servers"]
pytestmark = pytest.mark.backend


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_collector_gets_every_field(rotel: Rotel, scenario: str, protocol: str, project: str) -> None:
    """Every field of every span arrives at a collector as the program recorded it, by either protocol."""
    with traced(rotel.endpoints, protocol, project=project) as spans:
        SCENARIOS[scenario].run()

    assert [span.name for span in spans] == SCENARIOS[scenario].leaves
    assert arrived(rotel.handed_on(spans)) == sent(spans)
