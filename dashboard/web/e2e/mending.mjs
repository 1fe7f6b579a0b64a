/** For those who run it: quarantine, conflicts, voids, rules and erasures, on a server of their own. */
import { writeFileSync } from "node:fs";
import { card, check, flow, logIn, valueOf } from "./browser.mjs";
import { call, lastMonth, own, started } from "./own.mjs";

const beside = { lane: "beside" };
const SOURCE = `
[[mapping]]
name = "desk"
signature = "unsigned"
event = "type"
external_id = ["id"]
occurred_at = "at"
[[mapping.on]]
event = ["ended"]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = "status"
duration_seconds = "seconds"
answered = "answered"
[[endpoint]]
id = "desk-1c1f00aa"
provider = "desk"
tenant = "acme"
`;
const MENDED = `
[[mapping.on]]
event = ["finished"]
kind = "call_reported"
[mapping.on.body]
call_id = "id"
status = "status"
duration_seconds = "seconds"
answered = "answered"
`;

const open = async (page, path) => {
  await started();
  await logIn(page, "admin@example.com", path, own.base);
};

if (own.exists) {
  flow(
    "a delivery in quarantine is retried once its mapping is mended, and counts",
    async (page) => {
      await started();
      // Tables after one another: the mapping's last, so that what mends it can be added.
      const [mapping, endpoint] = SOURCE.split("[[endpoint]]");
      own.configure(`[[endpoint]]${endpoint}${mapping}`);
      await new Promise((done) => setTimeout(done, 500));
      const at = new Date(Date.now() - 60_000).toISOString();
      const body = JSON.stringify({ type: "finished", id: "Q1", status: "completed", seconds: 50, answered: true, at });
      const headers = { "content-type": "application/json" };
      const deliver = () => fetch(`${own.base}/hooks/desk/desk-1c1f00aa`, { method: "POST", headers, body });
      let answer = await deliver();
      check(answer.status === 200, `the delivery is answered ${answer.status}`);
      const said = await answer.json();
      check(said.outcome === "quarantined", JSON.stringify(said));
      await logIn(page, "admin@example.com", "/w/acme/dashboard", own.base);
      const before = await valueOf(page, "Calls");
      await page.goto(`${own.base}/w/acme/deliveries`);
      const part = page.getByRole("region", { name: "Quarantine", exact: true });
      await part.getByRole("link").first().click();
      const dialog = page.getByRole("dialog", { name: "Delivery in quarantine" });
      await dialog.getByText("What would change it:").waitFor();
      await dialog.getByText('"finished"').waitFor();
      await dialog.getByRole("button", { name: "Retry" }).click();
      await dialog.getByRole("alert").waitFor();
      own.configure(MENDED);
      await new Promise((done) => setTimeout(done, 500));
      await dialog.getByRole("button", { name: "Retry" }).click();
      await dialog.getByText("Resolved", { exact: true }).first().waitFor();
      await dialog
        .getByRole("link", { name: /^fact / })
        .last()
        .waitFor();
      await page.keyboard.press("Escape");
      await part.getByText("Nothing is in quarantine").waitFor();
      await page.goto(`${own.base}/w/acme/dashboard`);
      await card(page, "Calls", before + 1).waitFor();
    },
    beside,
  );

  flow(
    "a conflict is accepted, and its trail leads from one fact to the other",
    async (page) => {
      await open(page, "/w/acme/dashboard");
      const [short, long] = [call("conflicted", 5), call("conflicted", 50)];
      long.occurred_at = short.occurred_at;
      await own.record([short]);
      await own.record([long]);
      const before = await valueOf(page, "Qualified calls");
      await page.goto(`${own.base}/w/acme/deliveries`);
      const part = page.getByRole("region", { name: "Conflicts", exact: true });
      await part.getByRole("link").first().click();
      const dialog = page.getByRole("dialog", { name: "Conflict" });
      await dialog.getByRole("row", { name: /duration_seconds 5 50/ }).waitFor();
      await dialog.getByRole("button", { name: "Accept" }).click();
      const asked = page.getByRole("dialog", { name: "Accept the second content?" });
      await asked.getByText("A correction is recorded").waitFor();
      await asked.getByRole("button", { name: "Accept" }).click();
      await dialog.getByText("Accepted", { exact: true }).waitFor();
      await dialog
        .locator("dt", { hasText: /^Decision$/ })
        .locator("+ dd a")
        .click();
      await page.getByRole("heading", { name: "conflict_accepted" }).waitFor();
      await page.goto(`${own.base}/w/acme/dashboard`);
      await card(page, "Qualified calls", before + 1).waitFor();
    },
    beside,
  );

  flow(
    "a wrong import is voided, and the dry run's numbers are met",
    async (page) => {
      await open(page, "/w/acme/dashboard");
      const before = await valueOf(page, "Calls");
      const facts = Array.from({ length: 4 }, (_, n) => call(`wrong${n}`, 45));
      await own.record(facts);
      await card(page, "Calls", before + 4).waitFor();
      const file = "/tmp/factfold-wrong.ndjson";
      writeFileSync(file, facts.map((fact) => JSON.stringify(fact)).join("\n"));
      await page.goto(`${own.base}/w/acme/audit?view=void`);
      await page.getByLabel("File that was imported").setInputFiles(file);
      await page.getByLabel("Reason").fill("file of another client");
      await page.getByRole("button", { name: "Show what would change" }).click();
      await page.getByText("4 facts would be voided").waitFor();
      const row = page.getByRole("row", { name: / Calls / }).first();
      const [now, then] = (await row.locator("td.n").allTextContents()).map(Number);
      check(now === before + 4 && then === before, `the dry run says ${now} and ${then}`);
      check((await own.api("GET", "/api/v1/tenants/acme/metrics/month")).json.calls === now, "the dry run voided");
      await page.getByRole("button", { name: "Void 4 facts" }).click();
      const asked = page.getByRole("dialog", { name: "Void 4 facts?" });
      await asked.getByRole("button", { name: "Void 4 facts" }).click();
      await page.getByText("4 voided, 0 were so before, 0 refused").waitFor();
      await page.goto(`${own.base}/w/acme/dashboard`);
      await card(page, "Calls", then).waitFor();
      // One of them is put back by its own page.
      await page.goto(`${own.base}/w/acme/audit`);
      await page.getByLabel("Position, or provider and key").fill("twilio wrong0:completed");
      await page.getByRole("button", { name: "Go", exact: true }).click();
      await page.getByText("file of another client").waitFor();
      await page.getByRole("button", { name: "Restore" }).click();
      const restore = page.getByRole("dialog", { name: /^Restore fact/ });
      await restore.getByText("1 fact would be restored").waitFor();
      await restore.getByRole("button", { name: "Restore" }).click();
      await restore.waitFor({ state: "detached" });
      await page.goto(`${own.base}/w/acme/dashboard`);
      await card(page, "Calls", then + 1).waitFor();
    },
    beside,
  );

  flow(
    "rules that were tried out are adopted from a date, and the month is restated",
    async (page) => {
      await started();
      const month = lastMonth();
      const facts = [20, 35, 50].map((seconds, n) => call(`tried${n}`, seconds, `${month}-10T15:0${n}:00Z`));
      await own.record(facts);
      const drafted = await own.api("POST", "/api/v1/tenants/acme/reports", { period: month });
      await own.api("POST", `/api/v1/tenants/acme/reports/${drafted.json.report_id}/publish`);
      await logIn(page, "admin@example.com", "/w/acme/system?view=what-if", own.base);
      await page.getByLabel("A call qualifies from, in seconds").fill("40");
      await page.getByRole("button", { name: "Try out" }).click();
      const row = page.getByRole("row", { name: /^Qualified calls .* 2 1$/ }).first();
      await row.waitFor();
      await page.getByText("1 would count otherwise").waitFor();
      const told = await own.api("GET", `/api/v1/tenants/acme/metrics/month?month=${month}`);
      check(told.json.qualified === 2, "trying out recorded something");
      await page.getByRole("button", { name: "Adopt from …" }).click();
      const asked = page.getByRole("dialog", { name: "Adopt these rules?" });
      await asked.getByLabel("From").fill(`${month}-01`);
      await asked.getByRole("button", { name: `Adopt from ${month}-01` }).click();
      await page.getByText("Adopted: the rules hold from").waitFor();
      await page.goto(`${own.base}/w/acme/dashboard?month=${month}`);
      await card(page, "Qualified calls", 1).waitFor();
      await page.goto(`${own.base}/w/acme/audit?view=restatements`);
      await page.getByRole("row", { name: /Qualified calls 2 1 1 × other rules/ }).waitFor();
      await page.goto(`${own.base}/w/acme/settings`);
      await page.getByText(/qualified min .* → 40 s/).waitFor();
    },
    beside,
  );

  flow(
    "a person is erased, with a receipt, and the figures stay",
    async (page) => {
      await started();
      const at = new Date(Date.now() - 60_000).toISOString();
      const lead = { id: "E1", email: "gone@example.com", first_name: "Erasmus" };
      const body = { instance: "i", workspace: "17", lead };
      const mail = { provider: "emailbison", external_id: "erased", kind: "email_sent", occurred_at: at, body };
      await own.record([mail]);
      await logIn(page, "admin@example.com", "/w/acme/outreach?view=leads&search=gone", own.base);
      await page.getByText("Erasmus").waitFor();
      await page.goto(`${own.base}/w/acme/audit?view=erase`);
      await page.getByRole("textbox", { name: "Person" }).fill("gone@example.com");
      await page.getByRole("button", { name: "Erase", exact: true }).last().click();
      const asked = page.getByRole("dialog", { name: "Erase gone@example.com?" });
      await asked.getByText("It cannot be undone.").waitFor();
      check(await asked.getByRole("button", { name: "Erase" }).isDisabled(), "it erases without being told twice");
      await asked.getByLabel("Type it again").fill("gone@example.com");
      await asked.getByRole("button", { name: "Erase" }).click();
      await page.getByText("Facts erased").waitFor();
      await page.goto(`${own.base}/w/acme/outreach?view=leads`);
      await page.getByRole("table").waitFor();
      check((await page.getByText("Erasmus").count()) === 0, "the name is still shown");
      await page.goto(`${own.base}/w/acme/dashboard`);
      await card(page, "Emails sent", 1).waitFor();
    },
    beside,
  );
}
