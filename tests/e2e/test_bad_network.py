"""Copies through proxies that delay, cut, refuse and repeat: whole and proved, or a clean error."""

import pytest
from faulty_network import Faults, FaultyGrpc, FaultyRest
from served import start_serve, stop_serve
from support import tree

TRANSPORTS = ["grpc", "rest"]


class Ends:
    """The two ends of a copy as names in vecferry.toml, one of them behind bad proxies."""

    def __init__(self, folder):
        self._file = folder / "vecferry.toml"
        self._lines = {}

    def name(self, end, http, grpc):
        self._lines[end] = f'[env.{end}]\nurl = "{http}"\ngrpc_url = "{grpc}"\n'
        self._file.write_text("\n".join(self._lines.values()), encoding="utf-8")

    def name_server(self, end, server):
        self.name(end, server.url, f"127.0.0.1:{server.grpc_port}")

    def name_behind(self, end, rest, grpc):
        self.name(end, f"http://127.0.0.1:{rest.port}", f"127.0.0.1:{grpc.port}")


def in_front_of(server, rest, grpc):
    return (
        FaultyRest(server.url.removeprefix("http://"), rest),
        FaultyGrpc(f"127.0.0.1:{server.grpc_port}", grpc),
    )


@pytest.fixture
def ends(folder):
    return Ends(folder)


@pytest.fixture
def served_docs(docs, start):
    """The example collection, served: its process and where it listens."""
    return start_serve(start, docs.rpartition("/")[0])


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("side", ["source", "target"])
def test_copy_through_a_bad_network_is_whole(
    vecferry, ends, served_docs, far_server, side, transport
):
    process, first = served_docs
    second = far_server
    ends.name_server("first", first)
    ends.name_server("second", second)
    faults = {"rest": Faults(0.2), "grpc": Faults(0.2)}
    rest, grpc = in_front_of(first if side == "source" else second, **faults)
    with rest, grpc:
        ends.name_behind("first" if side == "source" else "second", rest, grpc)
        # Little memory makes many small requests, each with its chance to fail.
        copied = vecferry.json(
            "--transport", transport, "copy", "first/docs", "second/docs", "--memory", "1MiB"
        )
    assert copied["verified"]
    for name, met in ((name, each.met) for name, each in faults.items()):
        if name == "grpc" and transport == "rest":
            assert not met, met
        else:
            assert 0 < met["none"] < met.total(), met
    ends.name_server("first", first)
    ends.name_server("second", second)
    proof = vecferry.json("verify", "first/docs", "second/docs")
    assert proof["equal"] and proof["config_equal"], proof
    stop_serve(process)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_network_that_never_works(vecferry, folder, ends, served_docs, transport):
    process, server = served_docs
    faults = Faults(1, kinds=("cut", "broken"))
    rest, grpc = in_front_of(server, faults, faults)
    with rest, grpc:
        ends.name_behind("first", rest, grpc)
        before = tree(folder)
        error = vecferry.fails("--transport", transport, "copy", "first/docs", "out.json", code=5)
    assert (error["kind"], bool(error["next"])) == ("unavailable", True), error
    assert tree(folder) == before
    stop_serve(process)
