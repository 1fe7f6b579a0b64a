/** One Chromium for all flows; each flow has a context of its own. */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const BASE = process.env.BASE;
export const PASSWORD = process.env.PASSWORD;
export const TOKEN = process.env.TOKEN;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ARGS,
});

const flows = [];
/** Adds a flow: a name, and what is done with a fresh page. */
export function flow(name, work, options = {}) {
  flows.push({ name, work, options });
}

/** Runs every flow, one after the other; exits with 1 where one failed. */
export async function runAll() {
  const only = process.argv[2];
  let failed = 0;
  for (const { name, work, options } of flows) {
    if (only && !new RegExp(only).test(name)) continue;
    const context = await browser.newContext({
      viewport: { width: 1440, height: 900 },
      locale: "en-US",
      reducedMotion: "reduce",
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    const faults = [];
    page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
    page.on("console", (message) => message.text().includes("Content Security Policy") && faults.push(message.text()));
    const began = Date.now();
    try {
      await work(page, context);
      if (faults.length > 0) throw new Error(faults.join("\n"));
      console.log(`ok ${name} (${Date.now() - began} ms)`);
    } catch (error) {
      failed += 1;
      mkdirSync("/tmp/factfold-pages", { recursive: true });
      const shot = `/tmp/factfold-pages/${name.replace(/\W+/g, "-")}.png`;
      await page.screenshot({ path: shot }).catch(() => {});
      console.log(`not ok ${name}: ${error.stack}\n${faults.join("\n")}\nat ${page.url()}, seen in ${shot}`);
    }
    await context.close();
  }
  await browser.close();
  process.exit(failed === 0 ? 0 : 1);
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Logs in by the form. */
export async function logIn(page, email, path = "/login") {
  await page.goto(BASE + path);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL((url) => url.pathname !== "/login");
}

/** Asks the API as the admin of the tests. */
export async function api(method, path, body) {
  const response = await fetch(BASE + path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: await response.json().catch(() => null) };
}

/** Waits until nothing is being read any more. */
export async function settled(page) {
  await page.waitForFunction(() => !document.querySelector('[aria-busy="true"], .skeleton, .ghost'));
}

/** What axe finds wrong with the page. */
export async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(
      (item) =>
        `${item.id} (${item.impact}): ${item.nodes
          .slice(0, 3)
          .map((node) => `${node.target.join(" ")} ${node.failureSummary}`)
          .join("; ")}`,
    );
  });
  return found;
}

export const PAGES = [
  "dashboard",
  "reports",
  "leads",
  "pipeline",
  "hot-list",
  "notes",
  "schedule",
  "calls",
  "dialer",
  "outreach",
  "deliveries",
  "audit",
  "system",
  "settings",
];
