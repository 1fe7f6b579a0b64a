"""A server process on a directory of its own, and its clients; Python 3, standard library only."""

import http.client, json, os, pathlib, re, subprocess, tempfile, threading

TOKEN = "admin-token-of-the-load"
TENANTS = """
[[tenant]]
id = "acme"
name = "Acme"
timezone = "America/New_York"
workspaces = ["Acme Client", "17"]
currency = "USD"

[[tenant]]
id = "globex"
name = "Globex"
timezone = "UTC"
workspaces = ["Globex", "18"]
"""


class Client:
    """One connection; a request on one that was closed is sent again on a new one."""

    def __init__(self, address, token=TOKEN):
        self.address, self.token, self.connection = address, token, None

    def ask(self, method, path, body=None, media="application/json", accept=None, timeout=60):
        """The status and the body."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            headers["content-type"] = media
            body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        if accept:
            headers["accept"] = accept
        for attempt in (1, 2):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(*self.address, timeout=timeout)
            try:
                self.connection.request(method, path, body, headers)
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (http.client.HTTPException, OSError):
                self.close()
                if attempt == 2:
                    raise

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body, **options):
        return self.ask("POST", path, body, **options)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Server:
    """The binary, serving two tenants until the `with` ends."""

    def __init__(self, binary):
        self.directory = tempfile.TemporaryDirectory(prefix="factfold-load-")
        root = pathlib.Path(self.directory.name)
        config = root / "factfold.toml"
        config.write_text(f'data_dir = "{root / "data"}"\npublic_url = "https://hooks.example.com"\n{TENANTS}')
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FACTFOLD_")}
        command = [binary, "--config", str(config), "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True,
                                        env={**inherited, "FACTFOLD_ADMIN_TOKEN": TOKEN})
        said = []
        for line in self.process.stderr:
            said.append(line)
            if served := re.search(r"factfold serves http://([\d.]+):(\d+)", line):
                self.address = (served[1], int(served[2]))
                break
        else:
            raise SystemExit("the server did not start:\n" + "".join(said))
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for _ in self.process.stderr:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.directory.cleanup()

    def client(self, token=TOKEN):
        return Client(self.address, token)

    def token(self, role, tenants):
        body = {"name": f"{role} of the load", "role": role, "tenants": tenants}
        status, answer = self.client().post("/api/v1/tokens", body)
        assert status == 201, answer
        return json.loads(answer)["token"]

    def resident(self):
        """Resident memory, MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def handles(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def metrics(self):
        """The server's gauges and counters, those with labels under their whole name."""
        status, text = self.client().get("/metrics")
        assert status == 200, text
        lines = (line.rpartition(" ") for line in text.decode().splitlines() if line and line[0] != "#")
        return {name: float(value) for name, _, value in lines}


def call(number):
    """An answered call; each number is another one."""
    day = 1 + number % 28
    return {"provider": "twilio", "external_id": f"CA{number:032x}:completed", "kind": "call_reported",
            "occurred_at": f"2025-10-{day:02}T12:{number // 60 % 60:02}:{number % 60:02}Z",
            "body": {"call_id": f"CA{number:032x}", "status": "completed", "answered": True,
                     "duration_seconds": number % 90, "from": f"+1555{number % 10_000_000:07}", "to": "+12025550199",
                     "direction": "inbound", "agent": f"a{number % 20}@example.com"}}


def lines(facts):
    return "".join(json.dumps(fact) + "\n" for fact in facts)


def fill(client, tenant, count, step=500):
    """Records that many calls of one tenant."""
    for first in range(0, count, step):
        body = lines(map(call, range(first, min(first + step, count))))
        status, answer = client.post(f"/api/v1/tenants/{tenant}/facts", body, media="application/x-ndjson")
        assert status == 200, answer
