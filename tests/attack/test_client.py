"""Nothing outside of a run folder is shown, whoever asks and whatever the folder holds, and the server goes on."""

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]


def test_client(attack):
    attack("client")
