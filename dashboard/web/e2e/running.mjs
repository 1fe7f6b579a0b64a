/** For those who run it: disk and memory, erasure of what no workspace owns, and rules tried one by one. */
import { BASE, api, check, flow, logIn } from "./browser.mjs";
import { own, started } from "./own.mjs";

flow("the page System shows disk and memory as the API has them", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/system?view=server");
  const part = page.getByRole("region", { name: "Disk and memory", exact: true });
  await part.getByText("Free on its disk").waitFor();
  const told = (await api("GET", "/api/v1/system")).json;
  const row = part.getByRole("row", { name: /^Keys / });
  const [, bytes, files] = await row.locator("td").allTextContents();
  const keys = told.data_dir.parts.find((one) => one.part === "keys");
  check(Number(bytes.replace(/,/g, "")) === keys.bytes && Number(files) === keys.files, `${bytes} ${files}`);
  check((await part.getByRole("row").count()) === told.data_dir.parts.length + 1, "not every part has a row");
  const memory = await part.locator("dt", { hasText: /^Memory$/ }).locator("+ dd").textContent();
  const resident = told.memory.resident_bytes / 1e6;
  check(Math.abs(Number(memory.replace(/[^\d.]/g, "")) - resident) < resident / 4, `${memory}, and the API ${resident}`);
  // Whoever is of one workspace sees neither.
  await page.context().clearCookies();
  await logIn(page, "ann@example.com", "/w/acme/calls", BASE);
  const link = page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "System", exact: true });
  check((await link.count()) === 0, "an agent is led to System");
  const status = await page.evaluate(() => fetch("/api/v1/system").then((answer) => answer.status));
  check(status === 404, `an agent of one workspace is answered ${status}`);
});

flow("every rule has a field that says what it means, and a CRM rule is tried by itself", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/system?view=what-if");
  await page.getByText("An answered call of at least this length is qualified.").waitFor();
  await page.locator("summary", { hasText: /^CRM$/ }).click();
  await page.getByLabel("Stages of qualified leads").fill("New Lead");
  await page.getByRole("button", { name: "Try out" }).click();
  await page.getByRole("row", { name: /^Qualified Leads / }).waitFor();
  await page.goto(`${BASE}/w/acme/settings`);
  const rules = page.getByRole("region", { name: "Rules", exact: true });
  await rules.getByRole("row", { name: /^Qualified min An answered call .* is qualified. 30 s, by default$/ }).waitFor();
  check((await rules.locator("tbody tr").count()) === 12, "not every rule is told");
  await rules.getByRole("link", { name: "Try out others" }).click();
  await page.waitForURL("**/w/acme/system?view=what-if");
});

if (own.exists) {
  flow(
    "an admin erases a person from what no workspace owns, with a receipt",
    async (page) => {
      await started();
      const event = { type: "EMAIL_SENT", workspace_id: 99, workspace_name: "Nobody's", instance_url: "https://x.example" };
      const data = { lead: { id: 7, email: "stray@example.com" }, campaign_event: { id: 1, type: "sent" } };
      const headers = { "content-type": "application/json" };
      const delivery = { method: "POST", headers, body: JSON.stringify({ event, data }) };
      const answer = await fetch(`${own.base}/hooks/emailbison/eb-9c1d22aa`, delivery);
      check((await answer.json()).outcome === "quarantined", "the delivery has a workspace");
      await logIn(page, "admin@example.com", "/w/acme/audit?view=erase", own.base);
      const part = page.getByRole("region", { name: "Erase a person" });
      await part.getByLabel("From").selectOption("none");
      await part.getByText("Deliveries in quarantine whose workspace is unknown").waitFor();
      await part.getByRole("textbox", { name: "Person" }).fill("stray@example.com");
      await part.getByRole("button", { name: "Erase", exact: true }).last().click();
      const asked = page.getByRole("dialog", { name: "Erase stray@example.com?" });
      await asked.getByText("what no workspace owns").waitFor();
      await asked.getByLabel("Type it again").fill("stray@example.com");
      await asked.getByRole("button", { name: "Erase" }).click();
      const receipt = part.getByRole("status");
      await receipt.getByText("what no workspace owns").waitFor();
      const facts = await receipt.locator("dt", { hasText: /^Facts erased$/ }).locator("+ dd").textContent();
      check(facts === "1", `${facts} facts were erased`);
      const held = (await own.api("GET", "/api/v1/quarantine")).json.items;
      check(held.length > 0 && !JSON.stringify(held).includes("stray@example.com"), "the payload is still there");
    },
    { lane: "beside" },
  );
}
