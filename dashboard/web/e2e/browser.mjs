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
/**
 * Adds a flow: a name, and what is done with a fresh page. Its lane is `main`, where one follows the other; `beside`, which
 * goes on meanwhile, for flows with a server of their own; or `alone`, after both, for what is measured.
 */
export function flow(name, work, { lane = "main", ...options } = {}) {
  flows.push({ name, work, lane, options });
}

/** Prints a figure that was measured, with its limit. */
export function measured(name, value, limit) {
  console.log(`   ${name}: ${value} (limit ${limit})`);
}

/** A page that nobody has used yet. */
export async function fresh(options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: "en-US",
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  return { context, page };
}

async function run({ name, work, options }) {
  const { context, page } = await fresh(options);
  const faults = [];
  page.on("pageerror", (error) => faults.push(`uncaught: ${error.message}`));
  page.on("console", (message) => message.text().includes("Content Security Policy") && faults.push(message.text()));
  const began = Date.now();
  let passed = true;
  try {
    await work(page, context);
    if (faults.length > 0) throw new Error(faults.join("\n"));
    console.log(`ok ${name} (${Date.now() - began} ms)`);
  } catch (error) {
    passed = false;
    mkdirSync("/tmp/factfold-pages", { recursive: true });
    const shot = `/tmp/factfold-pages/${name.replace(/\W+/g, "-")}.png`;
    await page.screenshot({ path: shot }).catch(() => {});
    console.log(`not ok ${name}: ${error.stack}\n${faults.join("\n")}\nat ${page.url()}, seen in ${shot}`);
  }
  await context.close();
  return passed;
}

const atEnd = [];
/** Says what is to be done when all flows have run. */
export function finallyDo(work) {
  atEnd.push(work);
}

/** Runs every flow; exits with 1 where one failed. */
export async function runAll() {
  const only = process.argv[2];
  const chosen = flows.filter(({ name }) => !only || new RegExp(only).test(name));
  let failed = 0;
  const lane = async (wanted) => {
    for (const one of chosen) if (one.lane === wanted && !(await run(one))) failed += 1;
  };
  await Promise.all([lane("main"), lane("beside")]);
  await lane("alone");
  for (const work of atEnd) await work();
  await browser.close();
  process.exit(failed === 0 ? 0 : 1);
}

export function check(condition, message) {
  if (!condition) throw new Error(message);
}

/** Logs in by the form. */
export async function logIn(page, email, path = "/login", base = BASE) {
  await page.goto(base + path);
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL((url) => url.pathname !== "/login");
}

/** A card with this value. */
export const card = (page, label, value) => page.getByRole("button", { name: new RegExp(`^${label}: ${value}\\b`) });

/** The value of a card. */
export async function valueOf(page, label) {
  const found = page.getByRole("button", { name: new RegExp(`^${label}: `) });
  await found.waitFor();
  return Number((await found.locator(".value").textContent()).replace(/,/g, ""));
}

/** Asks the API as the admin of the tests. */
export async function api(method, path, body, base = BASE) {
  const response = await fetch(base + path, {
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

/** Views of pages behind their first one, for those who may see all. */
export const VIEWS = [
  ...["leads", "accounts", "providers"].map((view) => `outreach?view=${view}`),
  ...["restatements", "proofs", "void", "erase"].map((view) => `audit?view=${view}`),
  ...["models", "what-if", "server"].map((view) => `system?view=${view}`),
  ...["people", "tokens", "endpoints", "alerts"].map((view) => `settings?view=${view}`),
];
