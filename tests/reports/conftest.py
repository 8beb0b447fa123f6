"""`pytest tests/reports --update-golden` rewrites what the golden logs are expected to say."""

import pytest
from hypothesis import settings

settings.register_profile("rig", deadline=None)  # a busy machine is no failure
settings.load_profile("rig")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/reports/golden/*.json")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden", default=False))
