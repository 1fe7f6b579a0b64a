/** The sync banner, while the CRM goes down and comes back: its server reads it every five seconds. */
import { check, flow, logIn, measured } from "./browser.mjs";

const { SYNCED, CRM } = process.env;

if (SYNCED) {
  flow(
    "the banner goes amber while retrying, red once failed, and back by itself",
    async (page) => {
      await logIn(page, "admin@example.com", "/w/acme/dashboard", SYNCED);
      const banner = page.getByRole("status", { name: "Sync" });
      await banner.getByText("Data last synced:").waitFor();
      const tone = (name) => page.locator(`.banner.sync.${name}`);
      await tone("calm").waitFor();
      check((await fetch(`${CRM}/stand-in/stop`, { method: "POST" })).ok, "the CRM does not stop");
      const began = Date.now();
      await tone("amber").waitFor({ timeout: 20_000 });
      const amber = await banner.textContent();
      check(/next try/.test(amber), `amber says no next try: ${amber}`);
      await tone("red").waitFor({ timeout: 20_000 });
      const red = await banner.textContent();
      check(/ · \w+.*connection/.test(red), `red says no error: ${red}`);
      check(/next try/.test(red), `red says no next try: ${red}`);
      measured("from the CRM's stop to red, ms", Date.now() - began, 20_000);
      check((await fetch(`${CRM}/stand-in/start`, { method: "POST" })).ok, "the CRM does not start");
      await tone("calm").waitFor({ timeout: 25_000 });
      await banner.getByText("Data last synced:").waitFor();
    },
    { lane: "beside" },
  );
}
