/** Leads of the outreach by stage, with search; a person may set the stage. */
import { useState } from "preact/hooks";
import { Problem, type Answer, address, change } from "../../api/client";
import { Badge } from "../../components/Badge";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Choice, TextFilter, filters } from "../../components/Filters";
import { UNKNOWN, instant, words } from "../../format";
import { wrote } from "../../state/live";
import { isNow } from "../../state/moment";
import { may, tenant, zone } from "../../state/session";

type Lead = Answer<"/api/v1/tenants/{tenant}/outreach/leads">["items"][number];

const STAGES = ["new", "replied", "interested", "quoting", "follow_up", "won", "lost", "unsubscribed", "bounced"];
/** Those that a person may set. */
const SETTABLE = ["interested", "quoting", "follow_up", "won", "lost"];

function StageOf({ lead }: { lead: Lead }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  if (!may("agent") || !isNow.value) return <Badge state={lead.stage} />;
  const set = async (stage: string) => {
    const query = { instance: lead.instance, workspace: lead.workspace };
    const url = address(
      "/api/v1/tenants/{tenant}/outreach/leads/{lead_id}/stage",
      { tenant: tenant.value ?? "", lead_id: lead.lead_id },
      query,
    );
    try {
      const answer = (await change("POST", url, { stage })) as { position: number };
      setProblem(null);
      wrote(answer.position);
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  return (
    <>
      <select
        aria-label={`Stage of ${lead.email ?? lead.lead_id}`}
        value={lead.stage}
        onChange={(event) => void set(event.currentTarget.value)}
      >
        {!SETTABLE.includes(lead.stage) && <option value={lead.stage}>{words(lead.stage)}</option>}
        {SETTABLE.map((stage) => (
          <option key={stage} value={stage}>
            {words(stage)}
          </option>
        ))}
      </select>
      {problem && (
        <span class="refused" role="alert">
          {problem.detail || problem.title}
        </span>
      )}
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
  { title: "First interested", cell: (lead) => instant(lead.first_interested_at, zone.value) },
  { title: "Last event", cell: (lead) => instant(lead.last_event_at, zone.value) },
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
