"""Servers that only a forward proxy reaches: REST goes through it, and gRPC as well."""

import pytest
from forward_proxy import ForwardProxy
from served import start_serve, stop_serve

HOST = "db.example"  # nobody but the proxy knows it


@pytest.fixture
def behind_proxy(vecferry, start, docs):
    """The example collection as prod/docs, whose server only the proxy reaches."""
    process, server = start_serve(start, docs.rpartition("/")[0])
    routes = {
        f"{HOST}:6333": int(server.url.rpartition(":")[2]),
        f"{HOST}:6334": server.grpc_port,
    }
    with ForwardProxy(routes) as proxy:
        (vecferry.folder / "vecferry.toml").write_text(
            f'[env.prod]\nurl = "http://{HOST}:6333"\nproxy = "{proxy.url}"\n'
            f'[env.other]\nurl = "http://other.example:6333"\nproxy = "{proxy.url}"\n'
        )
        yield proxy
    stop_serve(process)


@pytest.mark.parametrize("transport", ["grpc", "rest"])
def test_a_copy_goes_through_the_proxy(vecferry, behind_proxy, transport):
    copied = vecferry.json("--transport", transport, "copy", "prod/docs", "local:there/docs")
    assert copied["verified"] and copied["points"] > 0
    back = vecferry.json("--transport", transport, "copy", "local:there/docs", "prod/again")
    assert (back["verified"], back["points"]) == (True, copied["points"])
    tunnels = behind_proxy.seen.count(("CONNECT", f"{HOST}:6334"))
    assert (tunnels > 0) == (transport == "grpc")
    assert ("GET", f"{HOST}:6333") in behind_proxy.seen


def test_the_doctor_looks_through_the_proxy(vecferry, behind_proxy):
    checks = {check["topic"]: check for check in vecferry.json("doctor", "prod")["checks"]}
    assert checks["rest"]["level"] == checks["grpc"]["level"] == "ok", checks


def test_a_host_that_the_proxy_does_not_reach_is_an_error(vecferry, behind_proxy):
    error = vecferry.fails("ls", "other", code=(1, 5))
    assert error["next"] and "other.example" in error["what"] + error["where"], error
    assert ("GET", "other.example:6333") in behind_proxy.seen
