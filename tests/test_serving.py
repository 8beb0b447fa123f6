import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig import serving
from rig.errors import HostError


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server of a directory with a page, a hidden file and a directory without a page."""
    for name in ("index.html", ".rig-site.json", "runs/report.html"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"this is {name}")
    with serving.server(tmp_path, 0) as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield served.server_port
        served.shutdown()
        thread.join()


def asked(port: int, path: str, host: str = "localhost") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path, headers={"Host": f"{host}:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_pages_are_served(port: int) -> None:
    assert asked(port, "/") == (200, "this is index.html")
    assert asked(port, "/runs/report.html", "127.0.0.1") == (200, "this is runs/report.html")


@pytest.mark.parametrize("path", ["/.rig-site.json", "/runs/", "/../../etc/passwd", "/runs/../.rig-site.json"])
def test_nothing_else_is(port: int, path: str) -> None:
    assert asked(port, path)[0] == 404


def test_a_page_of_elsewhere_does_not_get_in_under_its_own_name(port: int) -> None:
    status, text = asked(port, "/", "evil.example")
    assert status == 421
    assert "this is" not in text


def test_a_port_that_is_taken_is_named_with_a_way_out(port: int, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=f"port {port}") as error, serving.server(tmp_path, port):
        pass
    assert "--port 0" in error.value.hint


def test_only_this_host_is_served(tmp_path: Path) -> None:
    with serving.server(tmp_path, 0) as served:
        assert served.server_address[0] == "127.0.0.1"
        assert serving.url(served) == f"http://127.0.0.1:{served.server_port}/"
