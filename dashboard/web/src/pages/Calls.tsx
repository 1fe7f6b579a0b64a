/** Calls: filters, list, and one of them whole. */
import type { Answer } from "../api/client";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Choice, TextFilter, filters } from "../components/Filters";
import { Head } from "../components/Head";
import { When } from "../components/When";
import { UNKNOWN, duration, words } from "../format";
import { query, withQuery } from "../state/router";
import { tenant } from "../state/session";
import { CallView } from "./calls/CallView";

type Call = Answer<"/api/v1/tenants/{tenant}/calls">["items"][number];

const COLUMNS: Column<Call>[] = [
  { title: "Started", heading: true, cell: (call) => <When at={call.started_at} /> },
  { title: "Status", cell: (call) => <Badge state={call.status} /> },
  { title: "Why", cell: (call) => words(call.reason) },
  { title: "Direction", cell: (call) => words(call.direction) },
  { title: "From", cell: (call) => <bdi>{call.from ?? UNKNOWN}</bdi> },
  { title: "To", cell: (call) => <bdi>{call.to ?? UNKNOWN}</bdi> },
  { title: "Agent", cell: (call) => <bdi>{call.agent ?? UNKNOWN}</bdi> },
  { title: "Outcome", cell: (call) => words(call.outcome) },
  { title: "Length", number: true, cell: (call) => duration(call.duration_seconds) },
];

export default function Calls() {
  const shown = query.value.get("call");
  return (
    <>
      <Head title="Calls" />
      <div class="filters no-print">
        <Choice
          name="status"
          label="Status"
          options={[
            ["qualified", "Qualified"],
            ["unqualified", "Unqualified"],
          ]}
        />
        <Choice
          name="direction"
          label="Direction"
          options={[
            ["inbound", "Inbound"],
            ["outbound", "Outbound"],
            ["unknown", "Unknown"],
          ]}
        />
        <Choice
          name="answered"
          label="Answered"
          options={[
            ["true", "Yes"],
            ["false", "No"],
          ]}
        />
        <TextFilter name="agent" label="Agent" placeholder="ann@example.com" />
        <TextFilter name="from" label="From" type="date" />
        <TextFilter name="to" label="To" type="date" />
      </div>
      <DataTable<Call>
        title="Calls"
        route="/api/v1/tenants/{tenant}/calls"
        query={filters("status", "direction", "answered", "agent", "from", "to")}
        id={(call) => call.call_id}
        columns={COLUMNS}
        open={(call) => withQuery({ call: call.call_id })}
        empty={
          <Empty
            title="No calls here"
            command={`POST /hooks/twilio/ENDPOINT, or: POST /api/v1/tenants/${tenant.value}/facts`}
          >
            Calls will stand here as soon as a provider reports one. Where filters are set, fewer of them show more.
          </Empty>
        }
      />
      {shown && <CallView key={shown} id={shown} />}
    </>
  );
}
