import pytest

from tests.expectations.hand_made import Delivery


@pytest.fixture
def delivery(tmp_path):
    """A sound delivery of one clinic, ready to be broken."""
    return Delivery(tmp_path)
