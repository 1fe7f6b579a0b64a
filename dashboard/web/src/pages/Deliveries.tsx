/** Deliveries of webhooks: the health of endpoints, the log of requests, what is in quarantine, conflicts. */
import { useState } from "preact/hooks";
import { Problem, type Answer, address, change } from "../api/client";
import { useRead } from "../api/use_read";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Head } from "../components/Head";
import { Section } from "../components/Section";
import { duration, count, instant, percent, words } from "../format";
import { wrote } from "../state/live";
import { isNow } from "../state/moment";
import { may, tenant, zone } from "../state/session";

type Delivery = Answer<"/api/v1/tenants/{tenant}/deliveries">["items"][number];
type Held = Answer<"/api/v1/tenants/{tenant}/quarantine">["items"][number];

const DELIVERIES: Column<Delivery>[] = [
  { title: "Received", heading: true, cell: (item) => instant(item.received_at, zone.value) },
  { title: "Provider", cell: (item) => words(item.provider) },
  { title: "Endpoint", cell: (item) => <code>{item.endpoint}</code> },
  { title: "Event", cell: (item) => <bdi>{item.event ?? "–"}</bdi> },
  { title: "Outcome", cell: (item) => <Badge state={item.outcome} /> },
];

function Retry({ held }: { held: Held }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const retry = async () => {
    try {
      const url = address("/api/v1/tenants/{tenant}/quarantine/{quarantine_id}/retry", {
        tenant: tenant.value ?? "",
        quarantine_id: held.quarantine_id,
      });
      const answer = (await change("POST", url)) as { position?: number };
      wrote(answer.position);
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  if (!may("operator") || !isNow.value || held.state !== "open") return null;
  return (
    <>
      <button class="link" onClick={() => void retry()}>
        Retry
      </button>
      {problem && <span class="refused"> {problem.detail || problem.title}</span>}
    </>
  );
}

const HELD: Column<Held>[] = [
  { title: "Received", heading: true, cell: (item) => instant(item.received_at, zone.value) },
  { title: "Provider", cell: (item) => words(item.provider) },
  { title: "Reason", cell: (item) => words(item.reason) },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  { title: "Remedy", cell: (item) => <bdi>{item.remedy ?? "–"}</bdi> },
  { title: "Action", cell: (item) => <Retry held={item} /> },
];

export default function Deliveries() {
  const health = useRead("/api/v1/tenants/{tenant}/webhook-health");
  return (
    <>
      <Head title="Deliveries" />
      <div class="stack">
        <Section title="Endpoints" reading={health}>
          {(data) =>
            data.items.length === 0 ? (
              <Empty title="No endpoints">
                An endpoint is a URL that a provider delivers to; [[endpoint]] in factfold.toml makes one.
              </Empty>
            ) : (
              <div class="scroll" tabIndex={0} role="region" aria-label="Endpoints, table">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Endpoint</th>
                      <th scope="col">Provider</th>
                      <th scope="col" class="n">
                        Deliveries, 24 h
                      </th>
                      <th scope="col" class="n">
                        Success
                      </th>
                      <th scope="col">Last</th>
                      <th scope="col" class="n">
                        Usual gap
                      </th>
                      <th scope="col">State</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((item) => (
                      <tr key={`${item.provider} ${item.endpoint}`}>
                        <th scope="row">
                          <code>{item.endpoint}</code>
                        </th>
                        <td>{words(item.provider)}</td>
                        <td class="n">{count(item.deliveries)}</td>
                        <td class="n">{percent(item.success_rate)}</td>
                        <td>{instant(item.last_delivery_at, zone.value)}</td>
                        <td class="n">{duration(item.usual_gap_seconds)}</td>
                        <td>
                          {item.silent_since ? (
                            <Badge state="warn" text="Silent" />
                          ) : item.healthy === null || item.healthy === undefined ? (
                            "–"
                          ) : (
                            <Badge state={item.healthy ? "ok" : "failed"} text={item.healthy ? "Healthy" : "Failing"} />
                          )}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )
          }
        </Section>
        <section aria-label="Quarantine">
          <header class="section-head">
            <h2>Quarantine</h2>
          </header>
          <DataTable<Held>
            title="Quarantine"
            route="/api/v1/tenants/{tenant}/quarantine"
            query={{ state: "open" }}
            id={(item) => item.quarantine_id}
            columns={HELD}
            empty={
              <Empty title="Nothing is in quarantine">
                Deliveries that no fact could be made of will be kept here, whole, with the reason.
              </Empty>
            }
          />
        </section>
        <section aria-label="Log of deliveries">
          <header class="section-head">
            <h2>Log of deliveries</h2>
          </header>
          <DataTable<Delivery>
            title="Deliveries"
            route="/api/v1/tenants/{tenant}/deliveries"
            id={(item) => item.delivery_id}
            columns={DELIVERIES}
            empty={
              <Empty title="No deliveries in 30 days">
                Each request of a provider will stand here with what became of it.
              </Empty>
            }
          />
        </section>
      </div>
    </>
  );
}
