/** Leads of the outreach by stage, with search; a person may set the stage. */
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { Badge } from "../../components/Badge";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Choice, TextFilter, filters } from "../../components/Filters";
import { When } from "../../components/When";
import { Refused } from "../../components/Refused";
import { UNKNOWN, words } from "../../format";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";

type Lead = Answer<"/api/v1/tenants/{tenant}/outreach/leads">["items"][number];

const STAGES = ["new", "replied", "interested", "quoting", "follow_up", "won", "lost", "unsubscribed", "bounced"];
/** Those that a person may set. */
const SETTABLE = ["interested", "quoting", "follow_up", "won", "lost"] as const;
type Settable = (typeof SETTABLE)[number];

function StageOf({ lead }: { lead: Lead }) {
  const command = useCommand();
  if (!may("agent") || !isNow.value) return <Badge state={lead.stage} />;
  const set = (stage: Settable) =>
    command.run(() =>
      ask("post", "/api/v1/tenants/{tenant}/outreach/leads/{lead_id}/stage", {
        filling: { lead_id: lead.lead_id },
        query: { instance: lead.instance, workspace: lead.workspace },
        body: { stage },
      }),
    );
  return (
    <>
      <select
        aria-label={`Stage of ${lead.email ?? lead.lead_id}`}
        value={lead.stage}
        onChange={(event) => void set(event.currentTarget.value as Settable)}
      >
        {!SETTABLE.some((stage) => stage === lead.stage) && <option value={lead.stage}>{words(lead.stage)}</option>}
        {SETTABLE.map((stage) => (
          <option key={stage} value={stage}>
            {words(stage)}
          </option>
        ))}
      </select>
      <Refused problem={command.problem} />
    </>
  );
}

const COLUMNS: Column<Lead>[] = [
  {
    title: "Lead",
    heading: true,
    cell: (lead) => (
      <bdi>{[lead.first_name, lead.last_name].filter(Boolean).join(" ") || lead.email || lead.lead_id}</bdi>
    ),
  },
  { title: "Email", cell: (lead) => <bdi>{lead.email ?? UNKNOWN}</bdi> },
  { title: "Company", cell: (lead) => <bdi>{lead.company ?? UNKNOWN}</bdi> },
  { title: "Stage", cell: (lead) => <StageOf lead={lead} /> },
  { title: "First interested", cell: (lead) => <When at={lead.first_interested_at} /> },
  { title: "Last event", cell: (lead) => <When at={lead.last_event_at} /> },
];

export function OutreachLeads() {
  return (
    <>
      <div class="filters no-print">
        <Choice name="stage" label="Stage" options={STAGES.map((stage) => [stage, words(stage)])} />
        <TextFilter name="search" label="Search" />
      </div>
      <DataTable<Lead>
        title="Leads"
        route="/api/v1/tenants/{tenant}/outreach/leads"
        query={filters("stage", "search")}
        id={(lead) => [lead.instance, lead.workspace, lead.lead_id].join(" ")}
        columns={COLUMNS}
        empty={
          <Empty title="No leads here">
            Leads will stand here as soon as the outreach provider reports an event. Where filters are set, fewer of
            them show more.
          </Empty>
        }
      />
    </>
  );
}
