/** Read models built anew beside the live ones: where nothing differs, and where the server's memory was damaged. */
import { card, check, flow, fresh, logIn, valueOf } from "./browser.mjs";
import { ZONE, call, own, started } from "./own.mjs";

const beside = { lane: "beside" };

/** Rebuilds a model on the page System, and answers the part that tells of it. */
async function rebuild(page, name) {
  const row = page.getByRole("row", { name: new RegExp(`^${name} `) });
  await row.getByRole("button", { name: "Rebuild" }).click();
  await page.getByRole("dialog", { name: `Rebuild ${name}?` }).getByRole("button", { name: "Rebuild" }).click();
  return { row, part: page.getByRole("region", { name: "Rebuild", exact: true }) };
}

async function swapIn(page, part) {
  await part.getByRole("button", { name: "Swap in" }).click();
  const swap = page.getByRole("dialog", { name: "Swap the rebuilt model in?" });
  await swap.getByText("kept for an hour").waitFor();
  await swap.getByRole("button", { name: "Swap in" }).click();
  await part.getByText("Swapped", { exact: true }).waitFor();
}

async function rollBack(page, row, name) {
  await row.getByRole("button", { name: "Roll back" }).click();
  await page.getByRole("dialog", { name: `Roll back ${name}?` }).getByRole("button", { name: "Roll back" }).click();
  await page.getByText("Rolled back", { exact: true }).waitFor();
}

/** Keeps every value that a card shows from now on. */
async function watch(page, label) {
  await page.evaluate((label) => {
    const value = () => [...document.querySelectorAll(".card")].find((one) => one.textContent.startsWith(label));
    const note = () => {
      const text = value()?.querySelector(".value")?.textContent;
      if (text && window.shown.at(-1) !== text) window.shown.push(text);
    };
    window.shown = [];
    note();
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
  }, label);
}

if (own.exists) {
  flow(
    "a model is rebuilt, swapped in and rolled back while another browser reads",
    async (page) => {
      await started();
      await logIn(page, "admin@example.com", "/w/acme/system?view=models", own.base);
      const other = await fresh();
      await logIn(other.page, "admin@example.com", "/w/acme/dashboard", own.base);
      const value = await valueOf(other.page, "Calls");
      const { row, part } = await rebuild(page, "calls");
      await part.getByText("Nothing differs").waitFor();
      await swapIn(page, part);
      check((await valueOf(other.page, "Calls")) === value, "the other browser sees another value");
      await own.record([call("swapped", 45)]);
      await card(other.page, "Calls", value + 1).waitFor();
      await rollBack(page, row, "calls");
      await own.record([call("rolled", 45)]);
      await card(other.page, "Calls", value + 2).waitFor();
      await other.context.close();
      await rebuild(page, "calls");
      await part.getByText("Nothing differs").waitFor();
      await part.getByRole("button", { name: "Discard" }).click();
      const discard = page.getByRole("dialog", { name: "Discard the rebuilt model?" });
      await discard.getByRole("button", { name: "Discard" }).click();
      await part.getByText("Discarded", { exact: true }).waitFor();
    },
    beside,
  );

  flow(
    "what damaged memory made of a figure is found by a rebuild, mended by its swap, and rolled back",
    async (page) => {
      await started();
      const [right, wrong] = [812_345_677, 912_345_677];
      const [shownRight, shownWrong] = ["$8,123,456.77", "$9,123,456.77"];
      const date = new Intl.DateTimeFormat("en-CA", { timeZone: ZONE }).format(new Date());
      const body = { source: "meta", account_id: "planted", date, amount_minor: right, currency: "USD" };
      const at = new Date(Date.now() - 60_000).toISOString();
      await own.record([{ provider: "desk", external_id: "planted", kind: "ad_spend_observed", occurred_at: at, body }]);
      const spend = async () =>
        (await own.api("GET", "/api/v1/tenants/acme/metrics/month")).json.ad_spend_minor?.USD ?? null;
      for (let tries = 0; (await spend()) !== right; tries += 1) {
        check(tries < 100, `the spend is ${await spend()}`);
        await new Promise((done) => setTimeout(done, 50));
      }
      await own.damage(right, wrong, async () => (await spend()) === wrong);

      const other = await fresh();
      await logIn(other.page, "admin@example.com", "/w/acme/dashboard", own.base);
      await other.page.getByRole("button", { name: `Ad spend: ${shownWrong}` }).waitFor();
      await watch(other.page, "Ad spend");
      const asked = new Set();
      let done = false;
      const asking = (async () => {
        while (!done) asked.add(await spend());
      })();
      await logIn(page, "admin@example.com", "/w/acme/system?view=models", own.base);
      const { row, part } = await rebuild(page, "ad_spend");
      await part.getByText(/^0 rows differ, [1-9]\d* figures? of (a month|months) differs?/).waitFor();
      await part.getByRole("row", { name: new RegExp(`acme ad_spend_minor.USD, .* ${wrong} ${right}$`) }).waitFor();
      check((await spend()) === wrong, "the rebuild changed what is served before the swap");
      await swapIn(page, part);
      await own.record([call("after-swap", 45)]);
      await other.page.getByRole("button", { name: `Ad spend: ${shownRight}` }).waitFor();
      await rollBack(page, row, "ad_spend");
      await own.record([call("after-roll-back", 45)]);
      await other.page.getByRole("button", { name: `Ad spend: ${shownWrong}` }).waitFor();
      // Rolled back is what was live before: the next rebuild finds and mends it again.
      await rebuild(page, "ad_spend");
      await part.getByRole("row", { name: new RegExp(`acme ad_spend_minor.USD, .* ${wrong} ${right}$`) }).waitFor();
      await swapIn(page, part);
      await own.record([call("mended", 45)]);
      await other.page.getByRole("button", { name: `Ad spend: ${shownRight}` }).waitFor();
      done = true;
      await asking;
      const shown = await other.page.evaluate(() => window.shown);
      const strange = shown.filter((text) => text !== shownRight && text !== shownWrong);
      check(strange.length === 0, `the other browser saw ${strange}`);
      check(shown.length === 4, `the other browser saw ${shown}: old, new, old and new were to come`);
      check([...asked].sort().join() === `${right},${wrong}`, `readers saw ${[...asked]}`);
      await other.context.close();
    },
    beside,
  );
}
