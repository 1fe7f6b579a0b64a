/** The server is killed under an open page, and comes back with what happened meanwhile. */
import { check, flow, logIn } from "./browser.mjs";
import { call, own, started } from "./own.mjs";

if (own.exists) {
  flow(
    "the server goes away and comes back",
    async (page) => {
      await started();
      await own.record([call("before", 45)]);
      await logIn(page, "admin@example.com", "/w/acme/dashboard", own.base);
      await page.getByRole("button", { name: /^Calls: 1/ }).waitFor();
      await own.kill();
      await page.getByText(/Connection lost for \d+ s/).waitFor();
      check(await page.getByRole("button", { name: /^Calls: 1/ }).isVisible(), "the figures are gone with the server");
      // What asks the server now is told so, and can be tried again.
      await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Notes", exact: true }).click();
      await page.getByText("cannot be").first().waitFor();
      await page.goBack();
      await page.getByRole("button", { name: /^Calls: 1/ }).waitFor();
      await own.start();
      await own.record([call("meanwhile", 45)]);
      await page.getByRole("button", { name: /^Calls: 2/ }).waitFor({ timeout: 15_000 });
      await page.getByText(/Connection lost/).waitFor({ state: "detached" });
      // And it follows again.
      await own.record([call("after", 45)]);
      await page.getByRole("button", { name: /^Calls: 3/ }).waitFor({ timeout: 8_000 });
    },
    { lane: "beside" },
  );
}
