/** Who sees what, and texts that want to run. */
import { BASE, PAGES, VIEWS, check, flow, logIn, settled } from "./browser.mjs";

flow("a viewer sees one workspace, and what his role has", async (page) => {
  await logIn(page, "vic@example.com", "/");
  await page.waitForURL("**/w/globex/dashboard");
  const nav = page.getByRole("navigation", { name: "Pages" });
  await nav.getByRole("link", { name: "Dashboard" }).waitFor();
  for (const hidden of ["Dialer", "Deliveries", "Audit", "System", "Settings"]) {
    check((await nav.getByRole("link", { name: hidden, exact: true }).count()) === 0, `${hidden} is shown`);
  }
  await page.goto(`${BASE}/w/acme/dashboard`);
  await page.getByText("No such workspace").waitFor();
  await page.goto(`${BASE}/w/globex/audit`);
  await page.getByText("Not for your role").waitFor();
  for (const path of [
    "/api/v1/tenants/acme/metrics/month",
    "/api/v1/tenants/acme/changes/stream",
    "/api/v1/tenants/acme/facts/1",
  ]) {
    const status = await page.evaluate(async (url) => (await fetch(url)).status, path);
    check(status === 404, `${path} answers ${status}`);
  }
});

flow("hostile texts are shown and never run", async (page) => {
  await logIn(page, "admin@example.com", "/w/acme/dashboard");
  const paths = [...PAGES, ...VIEWS, "calls?call=now0", "facts/20", "facts/40"];
  for (const name of paths) {
    await page.goto(`${BASE}/w/acme/${name}`);
    await page.locator("h1").waitFor();
    await settled(page);
    check((await page.evaluate(() => window.hacked)) === undefined, `${name} ran a text`);
    check(
      (await page.locator('a[href^="javascript:"], audio[src^="javascript:"]').count()) === 0,
      `${name} links to a script`,
    );
  }
  await page.goto(`${BASE}/w/acme/notes`);
  await page.getByText("<script>window.hacked=1</script>").first().waitFor();
});
