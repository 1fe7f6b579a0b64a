/** The endpoints of the workspace over a day: how many deliveries, how many went well, and how long each is silent. */
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Bar } from "../../components/Bar";
import { Empty } from "../../components/Empty";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { When } from "../../components/When";
import { UNKNOWN, count, duration, percent, providerName } from "../../format";

type Health = Answer<"/api/v1/tenants/{tenant}/webhook-health">["items"][number];

function State({ of }: { of: Health }) {
  if (of.silent_since) return <Badge state="warn" text="Silent" />;
  if (of.healthy === null || of.healthy === undefined) return <>{UNKNOWN}</>;
  return <Badge state={of.healthy ? "ok" : "failed"} text={of.healthy ? "Healthy" : "Failing"} />;
}

/** How long nothing came, drawn against the gap that is usual: a full bar is the usual gap, reached. */
function Silence({ of }: { of: Health }) {
  if (!of.last_delivery_at || !of.usual_gap_seconds) return <>{UNKNOWN}</>;
  const silent = Math.max(0, (Date.now() - Date.parse(of.last_delivery_at)) / 1_000);
  return (
    <span
      class="silence"
      title={`${duration(silent)} since the last one; usual is up to ${duration(of.usual_gap_seconds)}`}
    >
      <Bar percent={(silent / of.usual_gap_seconds) * 100} tone={of.silent_since ? "amber" : ""} />
      <span>{duration(silent)}</span>
    </span>
  );
}

/** What did not go well, in words. */
function troubles(of: Health): string {
  const parts: [number, string][] = [
    [of.quarantined, "quarantined"],
    [of.conflicts, "in conflict"],
    [of.refused, "refused"],
    [of.limited, "limited"],
  ];
  return (
    parts
      .filter(([number]) => number > 0)
      .map(([number, word]) => `${count(number)} ${word}`)
      .join(", ") || UNKNOWN
  );
}

const HEAD = [
  ["Endpoint"],
  ["Provider"],
  ["Deliveries, 24 h", "n"],
  ["Success", "n"],
  ["Not well"],
  ["Last"],
  ["Silence"],
  ["Usual gap", "n"],
  ["State"],
] as const;

export function EndpointHealth() {
  const health = useRead("/api/v1/tenants/{tenant}/webhook-health");
  return (
    <Section title="Endpoints" reading={health}>
      {(data) =>
        data.items.length === 0 ? (
          <Empty title="No endpoints">
            An endpoint is a URL that a provider delivers to. An admin makes one on the page Settings, or in
            factfold.toml as [[endpoint]].
          </Empty>
        ) : (
          <Table title="Endpoints" head={HEAD}>
            {data.items.map((item) => (
              <tr key={`${item.provider} ${item.endpoint}`}>
                <th scope="row">
                  <code>{item.endpoint}</code>
                </th>
                <td>{providerName(item.provider)}</td>
                <td class="n">{count(item.deliveries)}</td>
                <td class="n">{percent(item.success_rate)}</td>
                <td>{troubles(item)}</td>
                <td>
                  <When at={item.last_delivery_at} />
                </td>
                <td>
                  <Silence of={item} />
                </td>
                <td class="n">{duration(item.usual_gap_seconds)}</td>
                <td>
                  <State of={item} />
                </td>
              </tr>
            ))}
          </Table>
        )
      }
    </Section>
  );
}
