/** What was promised of speed, measured; each figure is printed. Of several tries the best counts: what else runs is not ours. */
import { BASE, PAGES, PASSWORD, check, flow, fresh, logIn, measured, settled } from "./browser.mjs";

/** Notes when the first card and the first chart stand, every shift of the layout, long tasks and slow inputs. */
function watch() {
  window.seen = { shifts: [], tasks: [], inputs: [] };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      const of = entry.sources.map((source) => source.node?.className || source.node?.nodeName).slice(0, 3);
      window.seen.shifts.push({ value: entry.value, of: of.join(" ") });
    }
  }).observe({ type: "layout-shift", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.seen.tasks.push(Math.round(entry.duration));
  }).observe({ type: "longtask", buffered: true });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.seen.inputs.push({ name: entry.name, took: entry.duration });
  }).observe({ type: "event", durationThreshold: 16, buffered: true });
  const look = () => {
    const card = [...document.querySelectorAll("button.card .value")].find((value) =>
      /\d/.test(value.textContent ?? ""),
    );
    if (card) window.seen.card ??= performance.now();
    if (document.querySelector(".drawing svg path")) window.seen.chart ??= performance.now();
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
}

/** How much of a processor this process gets, from 0 to 1: where others take it, no time here says anything of the pages. */
function share() {
  const [began, used] = [performance.now(), process.cpuUsage()];
  while (performance.now() - began < 300);
  const { user, system } = process.cpuUsage(used);
  return (user + system) / 1_000 / (performance.now() - began);
}

/**
 * Tells that a time is over its limit. It fails the flow where `FACTFOLD_TIMINGS=judge` says that the machine has nothing
 * else to do: beside the other tests, which share its processors, a time says little.
 */
function judge(holds, message) {
  if (holds) return;
  if (process.env.FACTFOLD_TIMINGS !== "judge") {
    console.log(`   over its limit, not judged beside other tests: ${message}`);
    return;
  }
  const got = Math.min(share(), share(), share());
  if (got < 0.8)
    console.log(`   not judged, for this process gets ${Math.round(got * 100)} % of a processor: ${message}`);
  else check(false, message);
}

/** The dashboard, opened with nothing in the cache. */
async function opened(throttle) {
  const { context, page } = await fresh();
  await context.addInitScript(watch);
  const login = { data: { email: "admin@example.com", password: PASSWORD }, headers: { origin: BASE } };
  const answer = await context.request.post(`${BASE}/api/v1/login`, login);
  check(answer.ok(), `the login answers ${answer.status()}`);
  if (throttle) await (await context.newCDPSession(page)).send("Emulation.setCPUThrottlingRate", { rate: throttle });
  await page.goto(`${BASE}/w/acme/dashboard`);
  page.setDefaultTimeout(40_000);
  await page.waitForFunction(() => window.seen?.chart);
  await settled(page);
  const seen = await page.evaluate(() => window.seen);
  await context.close();
  return seen;
}

/** The least of what several tries come to; one that is within the limit is enough. */
async function best(tries, limit, once) {
  let least = Infinity;
  for (let n = 0; n < tries && least > limit; n += 1) least = Math.min(least, await once());
  return Math.round(least);
}

flow(
  "first card and first chart come in time",
  async () => {
    const limits = { card: 500, chart: 1_000 };
    const least = { card: Infinity, chart: Infinity };
    for (let n = 0; n < 5 && (least.card > limits.card || least.chart > limits.chart); n += 1) {
      const seen = await opened();
      least.card = Math.min(least.card, Math.round(seen.card));
      least.chart = Math.min(least.chart, Math.round(seen.chart));
    }
    const slow = await best(4, 2_000, async () => (await opened(4)).chart);
    measured("first card, ms", least.card, limits.card);
    measured("first chart, ms", least.chart, limits.chart);
    measured("first chart with the processor throttled 4 times, ms", slow, 2_000);
    judge(least.card <= limits.card, `the first card takes ${least.card} ms`);
    judge(least.chart <= limits.chart, `the first chart takes ${least.chart} ms`);
    judge(slow <= 2_000, `throttled, the first chart takes ${slow} ms`);
  },
  { lane: "alone" },
);

flow(
  "nothing moves while a page loads",
  async (page, context) => {
    await context.addInitScript(watch);
    await logIn(page, "admin@example.com", "/w/acme/dashboard");
    const moved = [];
    for (const name of PAGES) {
      await page.goto(`${BASE}/w/acme/${name}`);
      await page.locator("h1").waitFor();
      await settled(page);
      await page.waitForTimeout(150);
      const shifts = await page.evaluate(() => window.seen.shifts);
      const sum = shifts.reduce((all, one) => all + one.value, 0);
      // Below it nothing is moved by a whole pixel.
      if (sum >= 0.0005) moved.push(`${name} ${sum.toFixed(4)} (${shifts.map((one) => one.of).join("; ")})`);
    }
    measured("layout shift over all pages", moved.length === 0 ? 0 : moved.join(", "), 0);
    check(moved.length === 0, moved.join("\n"));
  },
  { lane: "alone" },
);

flow(
  "an input is painted within 100 ms",
  async (page, context) => {
    await context.addInitScript(watch);
    await logIn(page, "admin@example.com", "/w/acme/dashboard");
    await page.getByRole("button", { name: /^Calls: / }).waitFor();
    await settled(page);
    const card = page.getByRole("button", { name: /^Qualified calls: / });
    let slowest = null;
    const took = await best(5, 100, async () => {
      await page.evaluate(() => (window.seen.inputs = []));
      await card.click();
      await page.getByRole("dialog").waitFor();
      await settled(page);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Month before" }).click();
      await settled(page);
      await page.getByRole("button", { name: "Month after" }).click();
      await settled(page);
      await page.getByRole("button", { name: "Show as table" }).first().click();
      await page.getByRole("button", { name: "Show as chart" }).first().click();
      await page.waitForTimeout(300);
      const inputs = await page.evaluate(() => window.seen.inputs);
      slowest = inputs.sort((one, other) => other.took - one.took)[0] ?? null;
      return slowest?.took ?? 0;
    });
    measured("input to paint, ms", took, 100);
    judge(took <= 100, `an input takes ${took} ms: ${JSON.stringify(slowest)}`);
  },
  { lane: "alone" },
);

flow(
  "ten thousand rows scroll without a long task",
  async (page, context) => {
    await context.addInitScript(watch);
    // The rows are made here: what is measured is what the page does with them.
    const row = (n) => ({
      position: 20_000 - n,
      tenant: "acme",
      provider: "twilio",
      external_id: `CA${String(n).padStart(32, "0")}:completed`,
      kind: "call_reported",
      occurred_at: "2025-10-09T12:00:00Z",
      recorded_at: "2025-10-09T12:00:00Z",
      digest: "0123456789abcdef0123456789abcdef",
      body: {},
    });
    await page.route(/\/tenants\/acme\/facts\?/, (route) => {
      const from = Number(new URL(route.request().url()).searchParams.get("cursor") ?? 0);
      const items = Array.from({ length: 2_500 }, (_, n) => row(from + n));
      const next = from + items.length;
      return route.fulfill({ json: { position: 20_000, items, next_cursor: next < 10_000 ? String(next) : null } });
    });
    await logIn(page, "admin@example.com", "/w/acme/audit");
    const more = page.getByRole("button", { name: "Load more" });
    for (let pages = 1; pages < 4; pages += 1) {
      await more.click();
      await page
        .getByText(pages === 3 ? "10,000 rows" : `${((pages + 1) * 2_500).toLocaleString("en-US")} shown`)
        .waitFor();
    }
    const longest = await best(3, 50, async () => {
      await page.evaluate(() => window.scrollTo(0, 0));
      await page.waitForTimeout(300);
      await page.evaluate(() => (window.seen.tasks = []));
      for (let n = 0; n < 40; n += 1) {
        await page.mouse.wheel(0, 4_000);
        await page.waitForTimeout(25);
      }
      await page.waitForTimeout(200);
      return page.evaluate(() => Math.max(0, ...window.seen.tasks));
    });
    check((await page.evaluate(() => window.scrollY)) > 50_000, "the page did not scroll");
    measured("longest task while 10,000 rows scroll, ms", longest, 50);
    judge(longest <= 50, `scrolling has a task of ${longest} ms`);
  },
  { lane: "alone" },
);

/** An event of Email Bison, delivered: nothing once it was answered. */
async function mailed(id) {
  const event = {
    event: {
      type: "EMAIL_SENT",
      workspace_id: 17,
      workspace_name: "Acme Client",
      instance_url: "https://dedi.emailbison.com",
    },
    data: {
      scheduled_email: { id, sent_at: new Date().toISOString(), status: "sent" },
      campaign_event: { id, type: "sent", created_at: new Date().toISOString() },
      lead: { id, email: "live@example.com" },
      campaign: { id: 2, name: "test" },
      sender_email: { id: 3, email: "from@example.com" },
    },
  };
  const answer = await fetch(`${BASE}/hooks/emailbison/eb-9c1d22aa`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(event),
  });
  const said = await answer.json();
  check(said.outcome === "recorded", JSON.stringify(said));
}

flow(
  "a card changes within a second of a webhook's answer",
  async (page) => {
    await logIn(page, "admin@example.com", "/w/acme/dashboard");
    await page.getByRole("button", { name: /^Emails sent: 20/ }).waitFor();
    await settled(page);
    let sent = 20;
    const took = await best(4, 1_000, async () => {
      sent += 1;
      await mailed(900 + sent);
      const began = Date.now();
      await page.getByRole("button", { name: new RegExp(`^Emails sent: ${sent}`) }).waitFor();
      return Date.now() - began;
    });
    measured("from a webhook's answer to the changed card, ms", took, 1_000);
    judge(took <= 1_000, `it took ${took} ms`);
  },
  { lane: "alone" },
);
