#!/usr/bin/env python3
"""A mixed load on a server of its own, and by the minute what the server holds.

    python3 benches/load.py --binary target/release/factfold --minutes 30            facts and past moments are new
    python3 benches/load.py --binary target/release/factfold --minutes 30 --bounded  what is sent is sent again

With `--bounded` the same 20,000 facts are delivered again and the same moments asked for: what the server holds ought
to be flat, and 32 MiB more at the end than after a third of the time is exit 1. Without it the figure is the memory of
a fact beside the kept folds; the newest segment of the journal is in memory until it is sealed, so a run of few facts
tells more. An answer of 5xx that is no 503 of a full share or queue, a kind of request that was never answered 200, or a
server that ended, is exit 1 as well.
"""

import argparse, collections, http.client, random, sys, threading, time

from server import Server, call, fill, lines

FACTS_KNOWN = 20_000
GROWTH_MAX = 32
ACME = "/api/v1/tenants/acme"
MINUTE = 60


class Load:
    def __init__(self, server, options):
        self.server, self.options = server, options
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.numbers = iter(range(FACTS_KNOWN, 1 << 60))
        self.answers, self.failures = collections.Counter(), []
        self.viewer = server.token("viewer", ["acme"])
        self.moments = [FACTS_KNOWN * part // 9 for part in range(1, 9)]

    def number(self):
        """Of a call: of one that is known, or of the next."""
        if self.options.bounded:
            return random.randrange(FACTS_KNOWN)
        with self.lock:
            return next(self.numbers)

    def moment(self):
        """A position of the past."""
        if self.options.bounded:
            return random.choice(self.moments)
        return random.randrange(1, FACTS_KNOWN)

    def count(self, trade, status):
        with self.lock:
            self.answers[f"{trade} {status}"] += 1
            if status >= 500 and status != 503:
                self.failures.append(f"{trade}: {status}")

    # One round of each kind of caller; what comes back goes to `count`.

    def post(self, client):
        """A fact, and the same one delivered again."""
        fact = call(self.number())
        for _ in range(2):
            self.count("fact", client.post(f"{ACME}/facts", fact)[0])
        time.sleep(self.options.pause)

    def batch(self, client):
        body = lines(call(self.number()) for _ in range(100))
        self.count("batch", client.post(f"{ACME}/facts", body, media="application/x-ndjson")[0])
        time.sleep(0.2)

    def broken(self, client):
        body = random.choice(['{"provider": ', "[" * 200, '{"provider": "twilio"}', "\x00", '{"a": 1, "a": 2}'])
        self.count("broken body", client.post(f"{ACME}/facts", body)[0])
        time.sleep(0.05)

    def reading(self, client):
        days = "from=2025-10-01&to=2025-10-31"
        route = random.choice(["metrics/month?month=2025-10", f"metrics/days?{days}", f"metrics/sources?{days}", "calls",
                               "facts?limit=50", "alerts", "outreach/leads"])
        self.count("reading", client.get(f"{ACME}/{route}")[0])
        time.sleep(0.02)

    def past(self, client):
        route = random.choice(["metrics/month?month=2025-10", "calls?limit=20"])
        self.count("past moment", client.get(f"{ACME}/{route}&as_of_position={self.moment()}")[0])
        time.sleep(0.1)

    def csv(self, client):
        route = random.choice(["calls?to=2025-10-01", "calls", "metrics/days?from=2025-10-01&to=2025-10-31"])
        self.count("csv", client.get(f"{ACME}/{route}", accept="text/csv")[0])
        time.sleep(0.5)

    def restatements(self, client):
        past = random.choice(["", f"?as_of_position={self.moment()}"])
        self.count("restatements", client.get(f"{ACME}/restatements{past}")[0])
        time.sleep(0.5)

    def login(self, client):
        name = f"{random.randrange(1_000) if self.options.bounded else time.time_ns()}@example.com"
        body = {"email": name, "password": "wrong horse battery"}
        self.count("wrong login", client.post("/api/v1/login", body)[0])
        time.sleep(0.2)

    def stranger(self, client):
        self.count("stranger", client.get(random.choice([f"{ACME}/calls", "/metrics", "/api/v1/tokens"]))[0])
        time.sleep(0.05)

    def stream(self, _):
        """Opens a stream, reads a while and leaves it."""
        connection = http.client.HTTPConnection(*self.server.address, timeout=5)
        try:
            headers = {"authorization": f"Bearer {self.viewer}"}
            connection.request("GET", f"{ACME}/facts/stream?after=0", headers=headers)
            answer = connection.getresponse()
            answer.read(4_096)
            self.count("stream", answer.status)
        finally:
            connection.close()
        time.sleep(0.3)

    def run(self, trade, token):
        client = self.server.client(token)
        while not self.stop.is_set():
            try:
                trade(client)
            except (http.client.HTTPException, OSError) as error:
                client.close()
                with self.lock:
                    self.answers[f"{trade.__name__}: {type(error).__name__}"] += 1
                time.sleep(0.2)

    def begin(self):
        admin, viewer = self.server.client().token, self.viewer
        trades = [(self.post, admin)] * 4 + [(self.batch, admin), (self.broken, admin)] + [(self.reading, viewer)] * 2
        trades += [(self.past, viewer), (self.csv, viewer), (self.restatements, viewer), (self.stream, viewer)]
        trades += [(self.login, None), (self.stranger, None)]
        threads = [threading.Thread(target=self.run, args=trade, daemon=True) for trade in trades]
        for thread in threads:
            thread.start()
        return threads


def sample(server):
    told = server.metrics()
    kept = sum(value for name, value in told.items() if name.startswith("factfold_kept_folds_bytes"))
    return told["factfold_log_position"], server.resident(), kept / 1024**2, server.handles(), server.threads()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--binary", required=True, help="the server")
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--pause", type=float, default=0, help="seconds between two facts of a caller, on a shared machine")
    options.add_argument("--bounded", action="store_true", help="send nothing new after the first facts")
    options = options.parse_args()
    with Server(options.binary) as server:
        fill(server.client(), "acme", FACTS_KNOWN)
        load = Load(server, options)
        threads, began, samples = load.begin(), time.monotonic(), []
        print(" minute      facts  resident MiB  kept folds MiB  file handles  threads  answers", flush=True)
        while True:
            minute = (time.monotonic() - began) / MINUTE
            samples.append((minute, *sample(server)))
            held = "{:7.1f} {:10,.0f} {:13.0f} {:15.1f} {:13} {:8}".format(*samples[-1])
            print(held, f"{load.answers.total():8,}", flush=True)
            if minute >= options.minutes or server.process.poll() is not None:
                break
            time.sleep(min(MINUTE, max(0.1, (options.minutes - minute) * MINUTE)))
        load.stop.set()
        for thread in threads:
            thread.join(30)
        for answer, count in sorted(load.answers.items()):
            print(f"{count:10,}  {answer}")
        early = next(sample for sample in samples if sample[0] >= options.minutes / 3)
        grown, facts = samples[-1][2] - early[2], samples[-1][1] - early[1]
        kept, minutes = samples[-1][3] - early[3], samples[-1][0] - early[0]
        told = f"last {minutes:.1f} minutes: {grown:+.0f} MiB, of it {kept:+.0f} kept folds; {facts:+,.0f} facts"
        print(told if options.bounded else f"{told}, {(grown - kept) * 1024**2 / max(facts, 1):,.0f} bytes each")
        is_broken = bool(load.failures) or server.process.poll() is not None
        # A load of which one part is always refused shows nothing of that part.
        for trade in ("batch", "csv", "fact", "past moment", "reading", "restatements", "stream"):
            if not any(load.answers[f"{trade} {status}"] for status in (200, 201)):
                load.failures.append(f"{trade}: never answered 200")
        is_broken |= bool(load.failures)
        for failure in load.failures[:10]:
            print("failed:", failure)
        return int(is_broken or (options.bounded and grown > GROWTH_MAX))


if __name__ == "__main__":
    sys.exit(main())
