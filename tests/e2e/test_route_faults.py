"""Routes over networks and disks that fail: whole and verified, or a clean error and nothing left."""

import random
import re
from contextlib import ExitStack

import pytest
from faulty_network import FaultyRest, _RestHandler
from test_bad_input import little_room
from test_operations import newest, run_killed
from test_routes import names_at, nothing_is_left, servers, takes_writes  # noqa: F401

# What asks for a shard, or puts one in place; not the question whether one may.
SNAPSHOT = re.compile(r"/shards/\d{1,4}/(snapshot$|snapshots/(upload|recover))")


class _SnapshotHandler(_RestHandler):
    """Spoils requests about shards of snapshots, and no others."""

    def _answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.fault if SNAPSHOT.search(self.path) else None
        if fault is not None:
            self.server.met += 1
        if isinstance(fault, int):
            self._send(fault, b'{"status":{"error":"spoilt"},"time":0.0}')
            return
        if fault == "closed":
            self._cut()
            return
        status, answer = self._forward(body)
        if fault == "cut":  # somewhere, also within the head of the file
            cut = self.server.random.randrange(len(answer))
            self._send(status, answer, sent=cut)
            self._cut()
        else:
            self._send(status, answer)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer


class SnapshotProxy(FaultyRest):
    def __init__(self, server, fault, seed=1):
        super().__init__(server.url.removeprefix("http://"), None)
        self._server.RequestHandlerClass = _SnapshotHandler
        self._server.fault = fault
        self._server.met = 0
        self._server.random = random.Random(seed)

    @property
    def met(self):
        return self._server.met


def name_proxies(vecferry, first, second, servers):  # noqa: F811
    text = "".join(
        f'[env.{name}]\nurl = "http://127.0.0.1:{proxy.port}"\ngrpc_port = {server.grpc_port}\n'
        for name, proxy, server in zip(("first", "second"), (first, second), servers, strict=True)
    )
    (vecferry.folder / "vecferry.toml").write_text(text)


FAULTS = [401, 403, 500, "closed", "cut"]
# Which side's snapshots fail, and on which routes that is met.
SIDES = {"source": ["native", "engine-read"], "target": ["native", "ship"]}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("side", "route"), [(side, route) for side, routes in SIDES.items() for route in routes]
)
def test_snapshots_that_fail(vecferry, servers, side, route, fault):  # noqa: F811
    with ExitStack() as stack:
        first = stack.enter_context(SnapshotProxy(servers[0], fault if side == "source" else None))
        second = stack.enter_context(SnapshotProxy(servers[1], fault if side == "target" else None))
        name_proxies(vecferry, first, second, servers)
        # An answer that is cut may come after the deed: then the deed is proved like any other.
        allowed = (0, 1, 5, 6) if (side, fault) == ("target", "cut") else (1, 5, 6)
        run = vecferry.run(
            "--json", "copy", "first/rich", "second/rich", "--route", route, code=allowed
        )
        if run.code != 0:
            assert run.error["where"] and run.error["next"], run.error
            assert names_at(servers[1]) == []
        else:
            assert run.result["verified"]
            vecferry.json("drop", "second/rich", "--yes", "--no-backup")
        assert first.met + second.met > 0
        nothing_is_left(vecferry, *servers)
        # Not insisted on, the route is given up for one that works.
        plan = ("copy", "first/rich", "second/rich", "--prefer", "consistent")
        copied = vecferry.json(*plan)
        assert copied["verified"], copied
        nothing_is_left(vecferry, *servers)
    takes_writes(servers[1], "rich")


@pytest.mark.parametrize("fault", [500, "cut"])
def test_a_route_that_is_given_up_is_named(vecferry, servers, fault):  # noqa: F811
    with (
        SnapshotProxy(servers[0], fault) as first,
        SnapshotProxy(servers[1], fault) as second,
    ):
        name_proxies(vecferry, first, second, servers)
        for verb in ("copy", "clone"):
            target = f"second/{verb}"
            done = vecferry.json(verb, "first/rich", target, "--prefer", "consistent")
            assert (done["route"], done["verified"]) == ("stream", True)
            notes = done["receipt"]["notes"]
            assert any("was given up" in note for note in notes), notes
            assert vecferry.json("verify", "first/rich", target)["equal"]
        nothing_is_left(vecferry, *servers)


@pytest.mark.parametrize("way", ["resume", "undo"])
def test_killed_where_a_route_is_given_up(vecferry, servers, way):  # noqa: F811
    with (
        SnapshotProxy(servers[0], 500) as first,
        SnapshotProxy(servers[1], 500) as second,
    ):
        name_proxies(vecferry, first, second, servers)
        clone = ("clone", "first/rich", "second/rich", "--prefer", "consistent", "--spool", "spool")
        assert run_killed(vecferry, "load.begun_again", *clone)
        ended = vecferry.json(way, newest(vecferry)["id"])
        if way == "resume":
            assert (ended["route"], ended["verified"]) == ("stream", True)
            assert vecferry.json("verify", "first/rich", "second/rich")["equal"]
        else:
            assert names_at(servers[1]) == []
        nothing_is_left(vecferry, *servers)


@pytest.mark.parametrize("route", ["engine-read", "ship"])
def test_a_spool_that_is_full(vecferry, servers, route):  # noqa: F811
    error = vecferry.fails(
        "copy", "first/rich", "second/rich", "--route", route,
        preexec_fn=little_room, restore_signals=False,
    )  # fmt: skip
    assert error["kind"] == "io" and "--spool" in error["next"], error
    assert names_at(servers[1]) == []
    nothing_is_left(vecferry, *servers)
    assert vecferry.json("copy", "first/rich", "second/rich", "--route", route)["verified"]
