/** Nodes that share a log are named on the page System, with their heads; one that is gone stays named, and lags. */
import { check, flow, logIn } from "./browser.mjs";

const { NODES } = process.env;

if (NODES) {
  flow(
    "the nodes of one log are named with engine, heads and duty",
    async (page) => {
      await logIn(page, "admin@example.com", "/w/acme/system?view=server", NODES);
      const part = page.getByRole("region", { name: "Nodes", exact: true });
      await part.getByText("jetstream", { exact: true }).waitFor();
      await part.getByText("writable", { exact: false }).first().waitFor();
      for (const name of [/^n0/, /^n1/]) await part.getByRole("row", { name }).waitFor({ timeout: 20_000 });
      check((await part.getByRole("row").count()) === 3, "a head and two nodes");
      await part.getByRole("row", { name: /^n0 \(this one\)/ }).waitFor();
      const roots = await part.locator("code").allTextContents();
      check(
        roots.every((root) => /^[0-9a-f]{16}$/.test(root)),
        `roots: ${roots}`,
      );
      const duty = await part.getByRole("row").filter({ hasText: "Yes" }).count();
      check(duty <= 1, `${duty} nodes are on duty`);
    },
    { lane: "beside" },
  );
}
