/** Deliveries of webhooks: the health of endpoints, what is in quarantine, conflicts, the log of requests. */
import type { Answer } from "../api/client";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Choice, TextFilter, filters } from "../components/Filters";
import { Head } from "../components/Head";
import { When } from "../components/When";
import { providerName, words } from "../format";
import { ConflictList } from "./deliveries/ConflictList";
import { EndpointHealth } from "./deliveries/EndpointHealth";
import { QuarantineList } from "./deliveries/QuarantineList";

type Delivery = Answer<"/api/v1/tenants/{tenant}/deliveries">["items"][number];

const COLUMNS: Column<Delivery>[] = [
  { title: "Received", heading: true, cell: (item) => <When at={item.received_at} /> },
  { title: "Provider", cell: (item) => providerName(item.provider) },
  { title: "Endpoint", cell: (item) => <code>{item.endpoint}</code> },
  { title: "Event", cell: (item) => <bdi>{item.event ?? "–"}</bdi> },
  { title: "Outcome", cell: (item) => <Badge state={item.outcome} /> },
  { title: "Error", cell: (item) => <bdi>{item.error ?? "–"}</bdi> },
  {
    title: "Took",
    number: true,
    cell: (item) => `${item.processing_ms.toLocaleString(undefined, { maximumFractionDigits: 1 })} ms`,
  },
];

const OUTCOMES = ["recorded", "duplicate", "ignored", "conflict", "quarantined", "refused", "limited"];

export default function Deliveries() {
  return (
    <>
      <Head title="Deliveries" />
      <div class="stack">
        <EndpointHealth />
        <QuarantineList />
        <ConflictList />
        <section aria-label="Log of deliveries">
          <header class="section-head">
            <h2>Log of deliveries</h2>
          </header>
          <div class="filters no-print">
            <Choice name="outcome" label="Outcome" options={OUTCOMES.map((name) => [name, words(name)])} />
            <TextFilter name="provider" label="Provider" placeholder="twilio" />
            <TextFilter name="event" label="Event" placeholder="EMAIL_SENT" />
            <TextFilter name="from" label="From" type="date" />
            <TextFilter name="to" label="To" type="date" />
          </div>
          <DataTable<Delivery>
            title="Deliveries"
            route="/api/v1/tenants/{tenant}/deliveries"
            query={filters("outcome", "provider", "event", "from", "to")}
            id={(item) => item.delivery_id}
            columns={COLUMNS}
            empty={
              <Empty title="No deliveries here">
                Each request of a provider will stand here for 30 days with what became of it. Where filters are set,
                fewer of them show more.
              </Empty>
            }
          />
        </section>
      </div>
    </>
  );
}
