#!/usr/bin/env python3
"""What others record per second, of one event a request, each durable before it is answered and refused when it is known.

    python3 benches/peers.py [--clients 1,16,64,256] [--seconds 5]

UmaDB 0.7.8 comes from the Python package index into a folder of its own: an append on condition that no event has the key
as a tag. PostgreSQL is the machine's (Debian's `postgresql`): one function that inserts under a unique key and counts up the
month, by pgbench. A peer that is not there is said, and the exit code is 1. Factfold's figures beside them, of the same
hour, are those of `cargo bench --bench budget -- ingest`. UmaDB's clients are threads of Python in two processes: what they
themselves take of the processor is printed beside, since it is the server's loss on a small machine.
"""

import argparse, multiprocessing, os, pathlib, pwd, resource, shutil, socket, subprocess, sys, tempfile, threading, time

UMADB = "umadb==0.7.8"
# As long as the budget's event.
BODY = ("x" * 300).encode()
SQL = """
CREATE TABLE fact (tenant text, provider text, external_id text, body text, PRIMARY KEY (tenant, provider, external_id));
CREATE TABLE figure (tenant text, month text, name text, count bigint, PRIMARY KEY (tenant, month, name));
CREATE FUNCTION record(id text, body text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO fact VALUES ('acme', 'desk', id, body) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  -- One row for each of 31 days, so that clients do not all wait for one row.
  INSERT INTO figure VALUES ('acme', '2025-10-' || abs(hashtext(id)) % 31, 'emails', 1)
    ON CONFLICT (tenant, month, name) DO UPDATE SET count = figure.count + 1;
  RETURN true;
END $$;
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def uma_client(package, address, number, clients, seconds, told):
    """One process of clients: how many it recorded, and seconds of processor it took."""
    sys.path.insert(0, package)
    import umadb

    recorded, until = [0] * clients, time.monotonic() + seconds

    def run(index):
        client = umadb.Client(address)
        while time.monotonic() < until:
            key = f"desk:{number}:{index}:{recorded[index]}"
            known = umadb.Query([umadb.QueryItem(tags=[key])])
            client.append([umadb.Event("email_sent", BODY, [key])], umadb.AppendCondition(known))
            recorded[index] += 1

    threads = [threading.Thread(target=run, args=(index,)) for index in range(clients)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    used = resource.getrusage(resource.RUSAGE_SELF)
    told.put((sum(recorded), used.ru_utime + used.ru_stime))


def umadb(folder, clients, seconds):
    """Events per second by number of clients."""
    package = folder / "umadb-package"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(package), UMADB]
    if subprocess.run(pip, stderr=subprocess.DEVNULL).returncode != 0:
        return None
    for count in clients:
        data, port = folder / f"umadb-{count}", free_port()
        data.mkdir()
        serve = f"import sys; sys.path.insert(0, {str(package)!r}); sys.argv[0] = 'umadb'; from umadb.umadb_server_cli import main; main()"
        options = ["--listen", f"127.0.0.1:{port}", "--db-path", str(data / "events.db")]
        server = subprocess.Popen([sys.executable, "-c", serve, *options], stdout=subprocess.DEVNULL)
        try:
            await_port(port, server)
            told = multiprocessing.Queue()
            shares = [count // 2 + count % 2, count // 2]
            began = time.monotonic()
            runs = [
                multiprocessing.Process(target=uma_client, args=(str(package), f"http://127.0.0.1:{port}", n, share, seconds, told))
                for n, share in enumerate(shares) if share
            ]
            [run.start() for run in runs]
            results = [told.get(timeout=seconds + 60) for _ in runs]
            [run.join() for run in runs]
            took = time.monotonic() - began
            recorded, used = (sum(column) for column in zip(*results))
            yield count, recorded / took, f"its clients took {used / recorded * 1e6:.0f} µs of processor an event"
        finally:
            server.terminate()
            server.wait(20)


def await_port(port, server):
    for _ in range(400):
        if server.poll() is not None:
            sys.exit(f"a server ended at its start with {server.returncode}")
        with socket.socket() as asking:
            if asking.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("a server did not open its port within 20 s")


def postgres(folder, clients, seconds):
    """Events per second by number of clients."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        return None
    tools, data, port = found[-1], folder / "postgres", free_port()
    # PostgreSQL does not run as root.
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    data.mkdir()
    folder.chmod(0o755)
    if os.getuid() == 0:
        shutil.chown(data, user)

    def tool(name, *arguments, text=None):
        as_user = {"user": user} if os.getuid() == 0 else {}
        ran = subprocess.run([tools / name, *arguments], cwd=data, input=text, capture_output=True, text=True, **as_user)
        if ran.returncode != 0:
            sys.exit(f"{name} failed: {ran.stderr}")
        return ran.stdout

    tool("initdb", "--auth=trust", "-D", data / "db")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=300"
    tool("pg_ctl", "-D", data / "db", "-o", options, "-l", data / "log", "-w", "start")
    try:
        at = ["-h", "127.0.0.1", "-p", str(port)]
        tool("psql", *at, "-v", "ON_ERROR_STOP=1", "postgres", text=SQL)
        script = f"\\set id random(1, 1000000000000)\nSELECT record('e' || :id, '{BODY.decode()}');\n"
        (data / "script").write_text(script)
        for count in clients:
            bench = ["-n", "-M", "prepared", "-f", data / "script", "-T", str(seconds)]
            told = tool("pgbench", *at, *bench, "-c", str(count), "-j", str(min(count, 2)), "postgres")
            line = next(line for line in told.splitlines() if line.startswith("tps"))
            yield count, float(line.split()[2]), "pgbench, synchronous_commit on"
    finally:
        tool("pg_ctl", "-D", data / "db", "-m", "fast", "stop")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", default="1,16,64,256", help="numbers of clients, by commas")
    parser.add_argument("--seconds", type=int, default=5, help="how long each number is measured")
    options = parser.parse_args()
    clients, missing = [int(count) for count in options.clients.split(",")], []
    with tempfile.TemporaryDirectory() as folder:
        for name, peer in [("UmaDB 0.7.8", umadb), ("PostgreSQL", postgres)]:
            rows = list(peer(pathlib.Path(folder), clients, options.seconds))
            if not rows:
                missing.append(name)
            for count, rate, how in rows:
                print(f"{name:12} {count:4} clients {rate / 1_000:8.1f} k/s   {how}", flush=True)
    if missing:
        sys.exit(f"not there: {', '.join(missing)}")


if __name__ == "__main__":
    main()
