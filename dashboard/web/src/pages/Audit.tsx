/** The log: facts by filters, the newest first. */
import type { Answer } from "../api/client";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { TextFilter, filters } from "../components/Filters";
import { Head } from "../components/Head";
import { pageAddress } from "../components/Navigation";
import { instant, shortId } from "../format";
import { tenant, zone } from "../state/session";

type Fact = Answer<"/api/v1/tenants/{tenant}/facts">["items"][number];

const COLUMNS: Column<Fact>[] = [
  { title: "Position", heading: true, cell: (fact) => fact.position.toLocaleString() },
  { title: "Kind", cell: (fact) => fact.kind },
  { title: "Provider", cell: (fact) => fact.provider },
  { title: "External id", cell: (fact) => <code title={fact.external_id}>{shortId(fact.external_id)}</code> },
  { title: "Occurred", cell: (fact) => instant(fact.occurred_at, zone.value) },
  { title: "Recorded", cell: (fact) => instant(fact.recorded_at, zone.value) },
  { title: "Digest", cell: (fact) => <code>{fact.digest.slice(0, 12)}</code> },
];

export default function Audit() {
  return (
    <>
      <Head title="Audit" />
      <div class="filters no-print">
        <TextFilter name="subject" label="Subject" placeholder="CA42" />
        <TextFilter name="kind" label="Kind" placeholder="call_reported" />
        <TextFilter name="provider" label="Provider" placeholder="twilio" />
        <TextFilter name="from" label="From" type="date" />
        <TextFilter name="to" label="To" type="date" />
      </div>
      <DataTable<Fact>
        title="Facts"
        route="/api/v1/tenants/{tenant}/facts"
        query={filters("subject", "kind", "provider", "from", "to")}
        id={(fact) => String(fact.position)}
        columns={COLUMNS}
        open={(fact) => pageAddress(`facts/${fact.position}`)}
        empty={
          <Empty title="No facts here" command={`curl -X POST …/api/v1/tenants/${tenant.value}/facts`}>
            Every fact that is recorded will stand here, at its position. Where filters are set, fewer of them show
            more.
          </Empty>
        }
      />
    </>
  );
}
