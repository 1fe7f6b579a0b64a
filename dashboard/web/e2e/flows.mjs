/** What people come for: from the login to the fact behind a figure, the past, and what comes in meanwhile. */
import { BASE, api, check, flow, logIn, settled } from "./browser.mjs";

const card = (page, label) => page.getByRole("button", { name: new RegExp(`^${label}: `) });

flow("login leads through the choice of a workspace to the dashboard", async (page) => {
  await logIn(page, "admin@example.com", "/");
  await page.waitForURL("**/workspaces");
  await page.getByRole("link", { name: "Acme Dental" }).click();
  await page.getByRole("heading", { level: 1, name: "Dashboard" }).waitFor();
  await card(page, "Qualified calls").waitFor();
  check(page.url().startsWith(`${BASE}/w/acme/dashboard`), page.url());
  const current = page.getByRole("navigation", { name: "Pages" }).locator('[aria-current="page"]');
  check((await current.textContent()) === "Dashboard", "the link of the page is not marked");
  // The next visit begins where this one was.
  await page.goto(`${BASE}/`);
  await page.waitForURL("**/w/acme/dashboard");
  await page.goto(`${BASE}/leads`);
  await page.waitForURL("**/w/acme/leads");
});

flow("a wrong password is refused in words", async (page) => {
  await page.goto(`${BASE}/login`);
  await page.getByLabel("Email").fill("admin@example.com");
  await page.getByLabel("Password").fill("wrong horse battery");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("wrong email or password").waitFor();
});

flow("a link that was shared waits behind the login", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/notes?search=Note+7");
  await page.waitForURL("**/w/acme/notes?search=Note+7");
  await page.getByText("Note 7").first().waitFor();
});

flow("card, why, fact, and back", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/dashboard");
  const figure = card(page, "Qualified calls");
  await figure.waitFor();
  await settled(page);
  const value = await figure.locator(".value").textContent();
  await figure.click();
  const dialog = page.getByRole("dialog", { name: `Why ${value} Qualified calls` });
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await figure.click();
  await dialog.waitFor();
  await page.goBack();
  await dialog.waitFor({ state: "detached" });
  await page.goForward();
  await dialog.waitFor();
  await dialog.getByText("Not counted").waitFor();
  await dialog.getByRole("link", { name: "Download proof" }).waitFor();
  await dialog.getByRole("link", { name: "call_reported" }).first().click();
  await page.waitForURL("**/w/acme/facts/*");
  await page.getByText("Digest", { exact: true }).waitFor();
  await page.goBack();
  await page.getByRole("dialog", { name: `Why ${value} Qualified calls` }).waitFor();
});

flow("the past stands in the link and leads back to now", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/dashboard?as_of_position=1");
  await page.getByText("You see what was known at position 1").waitFor();
  const figure = card(page, "Calls");
  await figure.waitFor();
  check((await figure.locator(".value").textContent()) !== "6", "the past shows what is now");
  check((await page.getByRole("button", { name: "Sync now" }).count()) === 0, "the past can be written");
  await page.getByRole("button", { name: "Back to now" }).first().click();
  await page.getByRole("button", { name: /^Calls: 6/ }).waitFor();
  await page.getByRole("button", { name: "Now", exact: true }).click();
  await page.getByRole("dialog", { name: "Moment" }).waitFor();
});

flow("new rows wait behind a pill", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/audit");
  await page.getByRole("table").waitFor();
  await settled(page);
  const first = await page.locator("tbody tr").first().textContent();
  await api("POST", "/api/v1/tenants/acme/notes", { content: "While you look", author: "bob@example.com" });
  await page.getByRole("button", { name: /^\d+ new$/ }).waitFor();
  check((await page.locator("tbody tr").first().textContent()) === first, "rows jumped");
  await page.getByRole("button", { name: /^\d+ new$/ }).click();
  await page.getByText("note_written").first().waitFor();
});

flow("a chart is a table with the same numbers, and a file", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/dashboard");
  const chart = page.getByRole("region", { name: "Calls by day", exact: true });
  await chart.locator("svg").first().waitFor();
  await chart.getByRole("button", { name: "Show as table" }).click();
  await chart.getByRole("table").waitFor();
  const numbers = await chart.locator("tbody td:nth-child(2)").allTextContents();
  // Days to come are unknown, not 0.
  check(numbers.filter((text) => text !== "–").reduce((sum, text) => sum + Number(text), 0) === 6, numbers.join(" "));
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    chart.getByRole("button", { name: "Download CSV" }).click(),
  ]);
  check(file.suggestedFilename().endsWith(".csv"), file.suggestedFilename());
});

flow("notes are searched, and more are loaded", async (page) => {
  await logIn(page, "ann@example.com", "/w/acme/notes");
  const rows = page.getByRole("list", { name: "Notes" }).locator("> li");
  await rows.first().waitFor();
  check((await rows.count()) === 50, `${await rows.count()} notes`);
  await page.getByRole("button", { name: "Load more" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".notes > li").length > 55);
  await page.getByRole("searchbox").fill("note 41 ");
  await page.waitForFunction(() => document.querySelectorAll(".notes > li").length === 1);
  check(page.url().includes("search="), "the search is not in the address");
  await page.getByRole("searchbox").fill("");
  await page.getByLabel("Note", { exact: true }).fill("Mine alone");
  await page.getByRole("button", { name: "Add note" }).click();
  await page.getByText("Mine alone").waitFor();
  const own = rows.filter({ hasText: "Mine alone" });
  await own.getByRole("button", { name: "Remove" }).click();
  await own.getByRole("button", { name: "Really remove" }).click();
  await own.waitFor({ state: "detached" });
});

flow("a dialer session goes on after a reload and on another device", async (page, context) => {
  await logIn(page, "ann@example.com", "/w/acme/dialer");
  await page.getByLabel("Leads, one a line").fill("L1\nL2\nL3");
  await page.getByRole("button", { name: "Start with 3 leads" }).click();
  await page.getByRole("button", { name: "Next lead" }).click();
  await page.getByRole("button", { name: "Outcome" }).click();
  await page.getByRole("dialog", { name: /^Outcome of/ }).waitFor();
  await page.keyboard.press("2");
  await page.getByText("1 of 3").waitFor();
  await page.reload();
  await page.getByText("1 of 3").waitFor();
  const other = await context.browser().newContext({ locale: "en-US" });
  const second = await other.newPage();
  await logIn(second, "ann@example.com", "/w/acme/dialer");
  await second.getByText("1 of 3").waitFor();
  await second.getByRole("button", { name: "Skip" }).click();
  await page.getByText("2 of 3").waitFor();
  await other.close();
});

flow("a report goes from draft to print", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/reports");
  await page.getByRole("table").waitFor();
  await page.locator("tbody tr").first().getByRole("link").click();
  await page.getByText("A good month.").waitFor();
  await page.getByRole("button", { name: "Edit narrative" }).click();
  await page.getByLabel("Narrative").fill("A month to remember.");
  await page.getByRole("button", { name: "Save narrative" }).click();
  await page.getByText("A month to remember.").waitFor();
  await page.getByRole("button", { name: "Publish" }).click();
  await page.getByRole("button", { name: "Withdraw" }).waitFor();
  check((await page.getByRole("button", { name: "Edit narrative" }).count()) === 0, "a published report can be edited");
  await page.emulateMedia({ media: "print" });
  check(!(await page.getByRole("navigation").isVisible()), "the navigation is printed");
  check(await page.getByRole("heading", { level: 2 }).first().isVisible(), "the report is not printed");
});

flow("from the log to a fact and its subject, and back", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/audit?subject=call/now0");
  await page.getByRole("table").waitFor();
  await page.locator("tbody tr").last().getByRole("link").click();
  await page.waitForURL("**/w/acme/facts/*");
  await page.getByText("Digest", { exact: true }).waitFor();
  await page.getByRole("region", { name: "Timeline" }).getByRole("link", { name: "call_disposed" }).click();
  await page.getByRole("heading", { name: "call_disposed" }).waitFor();
  await page.goBack();
  await page.goBack();
  await page.waitForURL(/\/w\/acme\/audit\?subject=/);
});

if (process.env.SETUP) {
  flow("from the setup link to the first own event in a card", async (page) => {
    const setup = new URL(process.env.SETUP);
    await page.goto(setup.href);
    await page.getByLabel("Name").fill("Ann");
    await page.getByLabel("Email").fill("ann@example.com");
    await page.getByLabel("Password").fill(process.env.PASSWORD);
    await page.getByRole("button", { name: "Create admin" }).click();
    await page.getByRole("button", { name: "Acme Dental" }).click();
    await page.getByRole("button", { name: "Create endpoint" }).click();
    await page.getByText("Waiting for the first event").waitFor();
    const command = await page.locator("pre").textContent();
    const [, url, body] = /^curl -s (\S+) -H '[^']*' -d '(.*)'$/s.exec(command.trim());
    const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
    check((await answer.json()).outcome === "recorded", "the printed command does not work");
    await page.getByText("The first event is there.").waitFor();
    await page.getByRole("link", { name: "Open the dashboard" }).click();
    await page.getByRole("button", { name: /^Emails sent: 1/ }).waitFor();
    // The link is used up.
    await page.context().clearCookies();
    await page.goto(setup.href);
    await page.getByLabel("Name").fill("Eve");
    await page.getByLabel("Email").fill("eve@example.com");
    await page.getByLabel("Password").fill(process.env.PASSWORD);
    await page.getByRole("button", { name: "Create admin" }).click();
    await page.getByText("invitation not found").waitFor();
  });
}
