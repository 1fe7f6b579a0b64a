/** What wants somebody: open alerts by rule, deliveries in quarantine, endpoints that fell silent. */
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Section } from "../../components/Section";
import { pageAddress } from "../../components/Navigation";
import { capital, providerName, shortInstant, words } from "../../format";
import { may, zone } from "../../state/session";

type Alert = Answer<"/api/v1/tenants/{tenant}/alerts">["items"][number];

interface Row {
  key: string;
  title: string;
  detail: string;
  bad: boolean;
  href: string | null;
}

/** Most rows; what is behind them is told as a number. */
const MOST = 7;
/** Rules whose alerts are each of their own; of the others many are one row. */
const BAD = ["audit_violation", "sync_failing", "equal_snapshots", "clock_ahead"];

/** One row for alerts of a rule. */
function ofRule(rule: string, alerts: Alert[]): Row {
  const [first] = alerts;
  const since = shortInstant(alerts.at(-1)?.raised_at, zone.value);
  const title = alerts.length === 1 ? capital(first?.title ?? rule) : `${alerts.length} × ${words(rule).toLowerCase()}`;
  const detail =
    alerts.length === 1
      ? `${words(rule)}, since ${since}`
      : `${capital(first?.title ?? "")}, and ${alerts.length - 1} more since ${since}`;
  return { key: rule, title, detail, bad: BAD.includes(rule), href: null };
}

export function Attention() {
  const alerts = useRead("/api/v1/tenants/{tenant}/alerts", {}, { state: "open", limit: 100 });
  const quarantine = useRead("/api/v1/tenants/{tenant}/quarantine", {}, { state: "open", limit: 100 }, !may("auditor"));
  const health = useRead("/api/v1/tenants/{tenant}/webhook-health");
  // Shown in one piece: what came later would move what is below.
  const isAll = (quarantine.data || quarantine.error || !may("auditor")) && (health.data || health.error);
  const together = isAll ? alerts : { ...alerts, data: null };
  const rows: Row[] = [];
  const held = quarantine.data?.items ?? [];
  if (held.length > 0) {
    const more = quarantine.data?.next_cursor ? "More than " : "";
    const reasons = [...new Set(held.map((item) => words(item.reason).toLowerCase()))].slice(0, 3).join(", ");
    const detail = `${capital(reasons)}, since ${shortInstant(held.at(-1)?.received_at, zone.value)}`;
    rows.push({
      key: "quarantine",
      title: `${more}${held.length} ${held.length === 1 ? "delivery" : "deliveries"} in quarantine`,
      detail,
      bad: true,
      href: pageAddress("deliveries"),
    });
  }
  const items = (alerts.data?.items ?? []).filter((alert) => alert.rule !== "quarantine" || held.length === 0);
  const byRule = new Map<string, Alert[]>();
  for (const alert of items) byRule.set(alert.rule, [...(byRule.get(alert.rule) ?? []), alert]);
  rows.push(...[...byRule].map(([rule, found]) => ofRule(rule, found)));
  for (const endpoint of health.data?.items ?? []) {
    if (!endpoint.silent_since || byRule.has("silence")) continue;
    const key = `${endpoint.provider} ${endpoint.endpoint}`;
    rows.push({
      key,
      title: `${providerName(endpoint.provider)} is silent`,
      detail: `Endpoint ${endpoint.endpoint}, since ${shortInstant(endpoint.silent_since, zone.value)}`,
      bad: false,
      href: may("auditor") ? pageAddress("deliveries") : null,
    });
  }
  rows.sort((one, other) => Number(other.bad) - Number(one.bad));
  return (
    <Section title="Needs attention" reading={together} lines={3}>
      {() =>
        rows.length === 0 ? (
          <p class="soft calm">Nothing at the moment.</p>
        ) : (
          <ul class="attention">
            {rows.slice(0, MOST).map((row) => (
              <li key={row.key}>
                <span class={`dot ${row.bad ? "bad" : ""}`} aria-hidden="true" />
                <span>
                  <strong>
                    {row.href ? (
                      <a href={row.href}>
                        <bdi>{row.title}</bdi>
                      </a>
                    ) : (
                      <bdi>{row.title}</bdi>
                    )}
                  </strong>
                  <span class="soft">
                    <bdi>{row.detail}</bdi>
                  </span>
                </span>
              </li>
            ))}
            {rows.length > MOST && <li class="soft">And {rows.length - MOST} more</li>}
          </ul>
        )
      }
    </Section>
  );
}
