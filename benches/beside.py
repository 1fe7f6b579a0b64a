#!/usr/bin/env python3
"""What another tenant's writer waits beside each thing that a viewer can do, and alone.

    python3 benches/beside.py --binary target/release/factfold [--facts 300000]

Prints the p50 and p99 of a write to `globex`, every 5 ms, alone and while a viewer of `acme`, which has that many
facts, (a) searches /facts for what is not there, (b) asks for 60 past moments, (c) asks for restatements at many
positions, and as a null control while an importer fills `globex` itself from 32 connections. Exit 1 where (a), (b) or
(c) exceeds 3 x alone, or the null control does not. Alone is measured before and after each; the greater counts.
"""

import argparse, random, sys, threading, time

from server import TOKEN, Server, call, fill, lines

BOUND = 3
ACME = "/api/v1/tenants/acme"


class Writer:
    """Writes to the quiet tenant, one fact at a time."""

    def __init__(self, server):
        self.client, self.next = server.client(), 0

    def waits(self, seconds):
        waited, until = [], time.monotonic() + seconds
        while time.monotonic() < until:
            self.next += 1
            fact, began = call(self.next), time.monotonic()
            assert self.client.post("/api/v1/tenants/globex/facts", fact)[0] == 201
            waited.append((time.monotonic() - began) * 1_000)
            time.sleep(0.005)
        waited.sort()
        return waited[len(waited) // 2], waited[len(waited) * 99 // 100]


class Viewer:
    """What a viewer does, again and again, on that many connections."""

    def __init__(self, server, connections, do, token):
        self.stop, self.answers, self.lock = threading.Event(), {}, threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(server, do, token)) for _ in range(connections)]
        for thread in self.threads:
            thread.start()
        time.sleep(1)

    def run(self, server, do, token):
        client = server.client(token)
        while not self.stop.is_set():
            status = do(client)
            with self.lock:
                self.answers[status] = self.answers.get(status, 0) + 1
            if status in (429, 503):
                time.sleep(0.05)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        return self.answers


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--binary", required=True, help="the server")
    options.add_argument("--facts", type=int, default=300_000, help="facts of the loud tenant")
    options.add_argument("--seconds", type=float, default=15, help="of each measurement")
    options = options.parse_args()
    with Server(options.binary) as server:
        fill(server.client(), "acme", options.facts)
        viewer, numbers = server.token("viewer", ["acme"]), iter(range(options.facts, 1 << 60))
        position = lambda: random.randrange(1, options.facts)

        def search(client):
            nothing = [f"subject=CA{random.randrange(1 << 120):x}", "provider=nobody", "kind=lead_unsubscribed"]
            return client.get(f"{ACME}/facts?{random.choice(nothing)}")[0]

        def past(client):
            return client.get(f"{ACME}/metrics/month?month=2025-10&as_of_position={position()}")[0]

        def restatements(client):
            return client.get(f"{ACME}/restatements?as_of_position={position()}")[0]

        def fill_on(client):
            with lock:
                batch = [next(numbers) for _ in range(500)]
            return client.post("/api/v1/tenants/globex/facts", lines(map(call, batch)), media="application/x-ndjson")[0]

        lock, writer, unlike = threading.Lock(), Writer(server), []
        kinds = [("(a) searches that find nothing", 8, search, viewer),
                 ("(b) past moments", 60, past, viewer),
                 ("(c) restatements at many positions", 8, restatements, viewer),
                 ("null control: an import of its own", 32, fill_on, TOKEN)]
        writer.waits(2)
        print(f"{options.facts:,} facts; ms a write of another tenant waits, p50 and p99")
        for name, connections, do, token in kinds:
            before = writer.waits(options.seconds)
            load = Viewer(server, connections, do, token)
            beside = writer.waits(options.seconds)
            answers = load.end()
            time.sleep(2)
            alone = max(before, writer.waits(options.seconds), key=lambda waited: waited[1])
            times = beside[1] / alone[1]
            print(f"{name:40} alone {alone[0]:6.1f} {alone[1]:6.1f}   beside {beside[0]:6.1f} {beside[1]:6.1f}   "
                  f"{times:4.1f} x   {answers}  {server.resident():.0f} MiB", flush=True)
            if (times > BOUND) != name.startswith("null"):
                unlike.append(name)
        return int(bool(unlike))


if __name__ == "__main__":
    sys.exit(main())
