/** For those who check: proofs verified in the browser, the log's checkpoint, tokens, and an auditor who changes nothing. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BASE, PAGES, TOKEN, VIEWS, api, check, flow, logIn, settled } from "./browser.mjs";
import { ZONE, monthOf } from "./own.mjs";

const { BIN } = process.env;
const VERIFY = new URL("../../../fixtures/verify.py", import.meta.url).pathname;
const thisMonth = () => monthOf(ZONE);

const text = async (path) => {
  const answer = await fetch(BASE + path, { headers: { authorization: `Bearer ${TOKEN}` } });
  check(answer.ok, `${path} answers ${answer.status}`);
  return answer.text();
};

/** Whether a program takes the file; null where there is none. */
function taken(command, args) {
  try {
    execFileSync(command, args, { stdio: "pipe" });
    return true;
  } catch (error) {
    check(error.status === 3, `${command} ends with ${error.status}: ${error.stderr}`);
    return false;
  }
}

/** The bundle with one member changed, or one byte of a long one. */
function changes(bundle) {
  const with_ = (name, change) => {
    const copy = JSON.parse(JSON.stringify(bundle));
    change(copy);
    return [name, JSON.stringify(copy)];
  };
  const flip = (letters, at) => `${letters.slice(0, at)}${letters[at] === "A" ? "B" : "A"}${letters.slice(at + 1)}`;
  return [
    with_("value", (copy) => (copy.value += 1)),
    with_("value and total", (copy) => ((copy.value += 1), (copy.total += 1))),
    with_("a delta", (copy) => (copy.contributions[0].delta += 1)),
    with_("a byte of a fact", (copy) => (copy.facts[0].public = flip(copy.facts[0].public, 8))),
    with_("a byte of a header", (copy) => (copy.facts[0].header = flip(copy.facts[0].header, 40))),
    with_("a fact left out", (copy) => copy.facts.splice(0, 1)),
    with_("a hash of the proof", (copy) => copy.proof.pop()),
    with_("the rule's words", (copy) => (copy.rule = "anything")),
    with_("who told it", (copy) => (copy.contributions[0].provider = "ctm")),
    with_("what is not proven", (copy) => (copy.not_proven = "")),
    with_("a byte of the checkpoint", (copy) => (copy.checkpoint = copy.checkpoint.replace(/\n\d/, "\n9"))),
    with_("another member", (copy) => (copy.more = 1)),
    ["a member twice", JSON.stringify(bundle).replace(/^\{/, '{"value":1,')],
  ];
}

flow("proofs hold in the browser as in both verifiers, and changed ones in none", async (page) => {
  await logIn(page, "aud@example.com", "/w/acme/audit?view=proofs");
  const part = page.getByRole("region", { name: "Verify a proof" });
  const dir = mkdtempSync("/tmp/factfold-proofs-");
  const holds = async (name, content) => {
    const file = join(dir, `${name.replace(/\W+/g, "-")}.json`);
    writeFileSync(file, content);
    await part.getByLabel("Proof").setInputFiles(file);
    await part.getByRole("button", { name: "Verify", exact: true }).click();
    const verdict = part.getByText(/^(Holds|Does not hold)\.$/);
    await verdict.waitFor();
    return {
      file,
      says: (await verdict.textContent()) === "Holds.",
      told: await part.getByRole("status").textContent(),
    };
  };
  const month = `month=${thisMonth()}`;
  const figures = [
    `model=month&field=qualified&${month}`,
    `model=month&field=talk_seconds&${month}`,
    `model=month&field=ad_spend_minor.USD&${month}`,
    `model=month&field=positive_replies&${month}`,
    "model=pipeline&field=total_value_minor",
    "model=leads&field=total_leads",
  ];
  for (const figure of figures) {
    const { file, says, told } = await holds(figure, await text(`/api/v1/tenants/acme/proof?${figure}`));
    check(says, `${figure}: ${told}`);
    check(taken("python3", [VERIFY, file]), `${figure}: the Python verifier refuses it`);
    if (BIN) check(taken(BIN, ["verify", file]), `${figure}: factfold verify refuses it`);
  }
  const whole = await text(`/api/v1/tenants/acme/proof?${figures[0]}`);
  for (const [name, content] of changes(JSON.parse(whole))) {
    const { file, says } = await holds(name, content);
    check(!says, `${name} was changed, and the browser takes it`);
    if (name !== "a member twice") check(!taken("python3", [VERIFY, file]), `${name}: the Python verifier takes it`);
    if (BIN) check(!taken(BIN, ["verify", file]), `${name}: factfold verify takes it`);
  }
  // Of a key and a checkpoint that were kept elsewhere: its own hold, others do not.
  const { key } = JSON.parse(await text("/api/v1/log/key"));
  await part.getByLabel("Key that was kept elsewhere").fill(key);
  check((await holds("with the key", whole)).says, "the log's own key is refused");
  const other = JSON.parse(readFileSync(join(dir, "with-the-key.json"), "utf8")).checkpoint;
  await part.getByLabel("Checkpoint that was kept elsewhere").fill(other);
  check((await holds("with the checkpoint", whole)).says, "its own checkpoint is refused");
  await part.getByLabel("Checkpoint that was kept elsewhere").fill("factfold/other\n1\nAAAA\n\n— factfold/other AAAA");
  check(!(await holds("with another", whole)).says, "another checkpoint is taken");
});

flow("a figure's proof is verified where it is explained", async (page) => {
  await logIn(page, "aud@example.com", "/w/acme/dashboard");
  await page.getByRole("button", { name: /^Qualified calls: / }).click();
  const dialog = page.getByRole("dialog", { name: /^Why/ });
  await dialog.getByRole("button", { name: "Verify here" }).click();
  await dialog.getByText("Holds.").waitFor();
  await dialog.getByText("the deltas sum to the value").waitFor();
});

flow("the log's checkpoint is verified, and what comes after it continues it", async (page) => {
  await logIn(page, "aud@example.com", "/w/acme/audit?view=proofs");
  const part = page.getByRole("region", { name: "Checkpoint", exact: true });
  await part.getByRole("button", { name: "Verify the log" }).click();
  await part.getByText("Holds.").waitFor();
  await part.getByText("this browser had kept none before").waitFor();
  await api("POST", "/api/v1/tenants/acme/notes", { content: "Grown", author: "bob@example.com" });
  await part.getByRole("button", { name: "Verify the log" }).click();
  await part.getByText(/it continues the one of/).waitFor();
  // A log that is shorter than what this browser has seen was rolled back.
  await page.evaluate(() => {
    const place = Object.keys(localStorage).find((name) => name.startsWith("factfold.checkpoint."));
    const kept = JSON.parse(localStorage.getItem(place));
    localStorage.setItem(place, JSON.stringify({ ...kept, key: `${kept.key}x` }));
  });
  await part.getByRole("button", { name: "Verify the log" }).click();
  await part.getByText("Does not hold.").waitFor();
  await page.goto(`${BASE}/w/acme/facts/20`);
  await page.getByRole("button", { name: "Verify that it is in the log" }).click();
  await page.getByText("Holds.").waitFor();
});

flow("an auditor reads everything and changes nothing", async (page) => {
  await logIn(page, "aud@example.com", "/w/acme/dashboard");
  const nav = page.getByRole("navigation", { name: "Pages" });
  for (const name of ["Deliveries", "Audit", "System", "Settings"])
    await nav.getByRole("link", { name, exact: true }).waitFor();
  const never =
    /^(Sync now|Retry|Retry all|Accept|Reject|Void|Restore|Rebuild|Rebuild all|Roll back|Publish|Withdraw|Draft a report|Issue token|Revoke|Create endpoint|Remove|Add note|Set target|Add target|Run now|Invite|Erase)$/;
  for (const name of [...PAGES.filter((known) => known !== "dialer"), ...VIEWS, "facts/20"]) {
    await page.goto(`${BASE}/w/acme/${name}`);
    await page.locator("h1").waitFor();
    await settled(page);
    check((await page.getByRole("alert").count()) === 0, `${name}: ${await page.getByRole("alert").allTextContents()}`);
    const found = (await page.getByRole("button").allTextContents()).filter((label) => never.test(label.trim()));
    check(found.length === 0, `${name} offers ${found.join(", ")}`);
  }
  const refused = await page.evaluate(async () => {
    const tries = [
      ["POST", "/api/v1/tenants/acme/notes", { content: "x", author: "x" }],
      ["POST", "/api/v1/tenants/acme/facts/20/void", { reason: "x" }],
      ["POST", "/api/v1/projections/calls/rebuild", {}],
      ["POST", "/api/v1/tokens", { name: "x", role: "admin" }],
      ["POST", "/api/v1/tenants/acme/sync/run", {}],
    ];
    const statuses = [];
    for (const [method, path, body] of tries) {
      const headers = { "content-type": "application/json" };
      statuses.push((await fetch(path, { method, headers, body: JSON.stringify(body) })).status);
    }
    return statuses;
  });
  check(
    refused.every((status) => status === 403),
    `an auditor's changes are answered ${refused}`,
  );
});

flow("a token is made, used and revoked, and its stream is closed", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/settings?view=tokens");
  await page.getByLabel("Name").fill("Wallboard");
  await page.getByRole("button", { name: "Issue token" }).click();
  const token = await page.getByRole("textbox", { name: "Token" }).inputValue();
  check(/^ff_/.test(token), "no token is shown");
  const row = page.getByRole("row", { name: /^Wallboard/ });
  await row.waitFor();
  const bearer = { authorization: `Bearer ${token}` };
  const status = async () => (await fetch(`${BASE}/api/v1/tenants/acme/metrics/month`, { headers: bearer })).status;
  check((await status()) === 200, "the token does not read");
  const stream = await fetch(`${BASE}/api/v1/tenants/acme/changes/stream`, { headers: bearer });
  const reader = stream.body.getReader();
  const ended = (async () => {
    try {
      while (!(await reader.read()).done);
    } catch {
      // A stream that is cut has ended.
    }
  })();
  await row.getByRole("button", { name: "Revoke" }).click();
  const dialog = page.getByRole("dialog", { name: "Revoke the token Wallboard?" });
  await dialog.getByText("It cannot be made valid again.").waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  check((await status()) === 200, "it was revoked without being asked");
  await row.getByRole("button", { name: "Revoke" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await dialog.waitFor({ state: "detached" });
  check((await status()) === 401, "a revoked token reads");
  const late = new Promise((done) => setTimeout(() => done("late"), 2_000));
  check((await Promise.race([ended, late])) !== "late", "its stream goes on");
});

flow("an invitation makes a login, once", async (page, context) => {
  await logIn(page, "admin@example.com", "/w/acme/settings?view=people");
  const part = page.getByRole("region", { name: "Invitations", exact: true });
  await part.getByLabel("Email").fill("new@example.com");
  await part.getByRole("button", { name: "Invite" }).click();
  const link = new URL(await part.getByRole("textbox", { name: "Link for the person" }).inputValue());
  await part.getByRole("row", { name: /^new@example.com viewer of acme Open/ }).waitFor();
  const accept = async () => {
    const person = await context.browser().newContext({ locale: "en-US" });
    const other = await person.newPage();
    other.setDefaultTimeout(10_000);
    await other.goto(BASE + link.pathname + link.search);
    await other.getByLabel("Name").fill("New");
    await other.getByLabel("Password").fill(process.env.PASSWORD);
    await other.getByRole("button", { name: "Accept invitation" }).click();
    return other;
  };
  const first = await accept();
  await first.waitForURL("**/w/acme/dashboard");
  await first.context().close();
  const second = await accept();
  await second.getByRole("alert").waitFor();
  check(/\/welcome/.test(second.url()), "the link was used twice");
  await second.context().close();
  await page.reload();
  await page.getByRole("row", { name: /^new@example.com viewer of acme Accepted/ }).waitFor();
});
