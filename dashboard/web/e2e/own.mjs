/** A server that the flows start, kill and configure themselves: `BIN` on the site whose configuration is `OWN`. */
import { spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { PASSWORD, TOKEN, api, finallyDo } from "./browser.mjs";

const { BIN, OWN } = process.env;
/** Where the workspace acme is, on every site. */
export const ZONE = "America/New_York";

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Where in the heap of the server these bytes stand. */
function* places(memory, bytes) {
  for (const line of readFileSync(`/proc/${child.pid}/maps`, "utf8").split("\n")) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw.* 0(?: +\[heap\])?\s*$/.exec(line) ?? [];
    if (!from) continue;
    const first = BigInt(`0x${from}`);
    const part = Buffer.alloc(Number(BigInt(`0x${to}`) - first));
    const read = readSync(memory, part, 0, part.length, Number(first));
    for (let at = part.indexOf(bytes); at >= 0 && at + 8 <= read; at = part.indexOf(bytes, at + 1)) yield Number(first) + at;
  }
}

let port = 0;
let child = null;

export const own = {
  /** Whether there is a site. */
  exists: !!BIN && !!OWN,
  get base() {
    return `http://127.0.0.1:${port}`;
  },
  /** Starts the server, always on the same port, and waits until it takes requests. */
  async start() {
    port ||= await freePort();
    const env = { ...process.env, FACTFOLD_ADMIN_TOKEN: TOKEN, TWILIO_TOKEN: "x".repeat(32) };
    child = spawn(BIN, ["--config", OWN, "serve", "--listen", `127.0.0.1:${port}`], { env, stdio: "ignore" });
    for (let tries = 0; tries < 200; tries += 1) {
      const ready = await fetch(`${own.base}/readyz`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (ready) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error("the server does not start");
  },
  /** Ends it without a word, as a power cut does. */
  async kill() {
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
  },
  /** Adds to the configuration, and has it read again. */
  configure(text) {
    appendFileSync(OWN, text);
    child?.kill("SIGHUP");
  },
  /**
   * Turns bits in the server's memory, as a defective module does: of the places that hold the integer `from`, the one
   * is made `to` after which `differs` says that it is served.
   */
  async damage(from, to, differs) {
    const [old, other] = [from, to].map((number) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(number));
      return bytes;
    });
    const memory = openSync(`/proc/${child.pid}/mem`, "r+");
    try {
      for (const place of places(memory, old)) {
        writeSync(memory, other, 0, 8, place);
        if (await differs()) return;
        // Of what is freed meanwhile nothing is put back.
        const now = Buffer.alloc(8);
        readSync(memory, now, 0, 8, place);
        if (now.equals(other)) writeSync(memory, old, 0, 8, place);
      }
    } finally {
      closeSync(memory);
    }
    throw new Error(`no place in memory holds ${from} as it is served`);
  },
  api: (method, path, body) => api(method, path, body, own.base),
  /** Records facts of acme. */
  async record(facts) {
    const answer = await own.api("POST", "/api/v1/tenants/acme/facts", facts);
    if (answer.status !== 200) throw new Error(JSON.stringify(answer));
    return answer.json;
  },
};

/** A server with an admin, once for all flows. */
let ready = null;
export function started() {
  ready ??= (async () => {
    await own.start();
    finallyDo(() => own.kill());
    const admin = { email: "admin@example.com", name: "Admin", password: PASSWORD, role: "admin" };
    await own.api("POST", "/api/v1/users", admin);
  })();
  return ready;
}

/** The month of a zone, such as `2025-10`, so many months back: where a workspace is, it may be the month before UTC's. */
export function monthOf(timeZone, back = 0) {
  const parts = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit" }).format(new Date());
  const [year, month] = parts.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1 - back, 15)).toISOString().slice(0, 7);
}

/** The month before this one. */
export const lastMonth = () => monthOf(ZONE, 1);

/** A call that was answered. */
export function call(id, seconds, at = new Date(Date.now() - 60_000).toISOString()) {
  const body = { call_id: id, status: "completed", answered: true, duration_seconds: seconds, direction: "inbound" };
  return { provider: "twilio", external_id: `${id}:completed`, kind: "call_reported", occurred_at: at, body };
}
