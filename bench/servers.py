#!/usr/bin/env python3
"""Copy, scan and verify between two Qdrant servers, beside a bare gRPC loop, in one interleaved run.

    bench/servers.py BUILD_DIR A B COLLECTION [--rounds 3] [--lanes 4] [--transports grpc,rest]

A and B are HOST:PORT of REST, gRPC at the next port; COLLECTION is in A. In B collections named
`bench-*` are made and dropped. The bare loop (bench/support/bare_grpc.cpp) scrolls and upserts and
does nothing else, without compression, waiting for each write. A scan is our reader alone, whose
batches are dropped (bench/support/scan_server.cpp), since no verb only reads. A verification reads
both servers at once, so what stands beside it is two bare scrolls at once, one of each. Prints
medians and ratios, and what each run took. Peak memory is vecferry's own (VmHWM of the process).
"""

import argparse
import json
import os
import statistics
import subprocess
import time
import urllib.request


def delete(rest, collection):
    request = urllib.request.Request(
        f"http://{rest}/collections/{collection}?timeout=60", method="DELETE"
    )
    with urllib.request.urlopen(request, timeout=120):
        pass


def settle(rest, collection):
    """Stop the indexing that a measured write has set off, so that the next run has the cores."""
    body = json.dumps({"optimizers_config": {"max_optimization_threads": 0}}).encode()
    request = urllib.request.Request(
        f"http://{rest}/collections/{collection}", body, {"Content-Type": "application/json"},
        method="PATCH",
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=120):
        pass


def run(command):
    """Seconds, peak MiB, and the last line of stdout."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    if status != 0:
        raise SystemExit(f"{' '.join(command)}\n{output.decode()}{errors.decode()}")
    return seconds, usage.ru_maxrss / 1024, output.decode().splitlines()[-1]


def both(commands):
    """Seconds until the last of these bare loops has ended, by their own clocks."""
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    lines = [process.communicate()[0] for process in processes]
    if any(process.returncode != 0 for process in processes):
        raise SystemExit(f"{commands}: {lines}")
    return max(json.loads(line)["seconds"] for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument("collection")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--transports", default="grpc,rest")
    options = parser.parse_args()
    vecferry, bare = f"{options.build}/vecferry", f"{options.build}/bench/bare_grpc"
    scan = f"{options.build}/bench/scan_server"
    name, lanes = options.collection, str(options.lanes)

    def grpc(rest):
        host, _, port = rest.rpartition(":")
        return f"{host}:{int(port) + 1}"

    def ours(transport, *words):
        return [vecferry, "--json", "--quiet", "--transport", transport, "--lanes", lanes,
                "--no-wait-index", *words]  # fmt: skip

    source = f"http://{options.a}/{name}"
    taken = {}

    def note(what, seconds, megabytes=0.0):
        taken.setdefault(what, []).append((seconds, megabytes))
        print(f"{what:32} {seconds:7.2f} s  {megabytes:6.0f} MiB", flush=True)

    for _ in range(options.rounds):
        seconds, _, line = run([bare, "scroll", grpc(options.a), name, lanes])
        note("bare scroll", json.loads(line).get("seconds", seconds))
        for transport in options.transports.split(","):
            _, memory, line = run([scan, f"http://{options.a}", name, lanes, transport])
            note(f"{transport}: scan", json.loads(line)["seconds"], memory)
        seconds, _, line = run([bare, "copy", grpc(options.a), grpc(options.b), name, lanes])
        note("bare copy", json.loads(line).get("seconds", seconds))
        settle(options.b, name)
        delete(options.b, name)
        for transport in options.transports.split(","):
            target = f"http://{options.b}/bench-{transport}"
            seconds, memory, line = run(ours(transport, "copy", source, target, "--route=stream"))
            receipt = json.loads(line)
            assert receipt["verified"], receipt
            note(f"{transport}: copy and verify, whole", seconds, memory)
            note(f"{transport}: copy alone", receipt["receipt"]["copy_seconds"])
            settle(options.b, f"bench-{transport}")
            note(
                "bare scroll, both at once",
                both([[bare, "scroll", grpc(options.a), name, lanes],
                      [bare, "scroll", grpc(options.b), f"bench-{transport}", lanes]]),
            )  # fmt: skip
            seconds, memory, line = run(ours(transport, "verify", source, target))
            assert json.loads(line)["equal"], line
            note(f"{transport}: verify", seconds, memory)
            delete(options.b, f"bench-{transport}")

    medians = {what: statistics.median(s for s, _ in runs) for what, runs in taken.items()}
    print()
    for what, seconds in medians.items():
        beside = {"verify": "bare scroll, both at once", "scan": "bare scroll"}.get(
            what.partition(": ")[2], "bare copy"
        )
        ratio = f"{medians[beside] / seconds:5.2f} of {beside}" if ": " in what else ""
        print(f"{what:32} {seconds:7.2f} s  {ratio}")


if __name__ == "__main__":
    main()
