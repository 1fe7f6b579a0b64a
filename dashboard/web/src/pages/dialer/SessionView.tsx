/** A session at work: progress, the next lead, its call, its outcome. */
import { useEffect, useRef, useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { useRead } from "../../api/use_read";
import { Refused } from "../../components/Refused";
import { count } from "../../format";
import { CallState } from "./CallState";
import { DispositionDialog, type Outcome } from "./DispositionDialog";
import { LeadCard } from "./LeadCard";

type Session = Answer<"/api/v1/tenants/{tenant}/sessions/active">;

interface SessionViewProps {
  session: Session;
  agent: string;
  end: () => void;
}

export function SessionView({ session, agent, end }: SessionViewProps) {
  const command = useCommand();
  const [request, setRequest] = useState<string | null>(null);
  const [callId, setCallId] = useState<string | null>(null);
  const [disposing, setDisposing] = useState(false);
  const [lead, setLead] = useState<string | null | undefined>(undefined);
  // One line for the agent: the lead that is held comes back on every device.
  const shown = useRead(
    "/api/v1/tenants/{tenant}/sessions/{session_id}/next-lead",
    { session_id: session.session_id },
    { line: agent },
  );
  const filling = { session_id: session.session_id };
  const next = async () => {
    const route = "/api/v1/tenants/{tenant}/sessions/{session_id}/next-lead";
    const done = await command.run(() => ask("post", route, { filling, query: { line: agent } }));
    if (!done) return;
    setLead(done.answer.lead_id ?? null);
    setRequest(null);
    setCallId(null);
  };
  const attempted = async (outcome: Outcome) => {
    const route = "/api/v1/tenants/{tenant}/sessions/{session_id}/attempts";
    if (!lead || !(await command.run(() => ask("post", route, { filling, body: { lead_id: lead, outcome } })))) return;
    await next();
  };
  const began = useRef(false);
  useEffect(() => {
    if (began.current || !shown.data) return;
    began.current = true;
    // What was held before a reload is held still.
    if (shown.data.reserved) setLead(shown.data.lead_id);
  }, [shown.data]);
  const finish = async () => {
    const route = "/api/v1/tenants/{tenant}/sessions/{session_id}/end";
    if (await command.run(() => ask("post", route, { filling, body: {} as never }))) end();
  };
  return (
    <section aria-label="Session">
      <header class="section-head">
        <h2>
          Session <bdi>{session.pipeline_id}</bdi>
        </h2>
        <span class="grow" />
        <button class="link" onClick={() => void finish()}>
          End session
        </button>
      </header>
      <p class="soft" id="progress-text">
        {count(session.completed_leads)} of {count(session.total_leads)}
      </p>
      <progress
        class="progress"
        aria-labelledby="progress-text"
        max={Math.max(1, session.total_leads)}
        value={session.completed_leads}
      />
      {lead === undefined || lead === null ? (
        <div class="form">
          <p>{lead === null ? "No lead is left in this session." : `Next: ${shown.data?.lead_id ?? "…"}`}</p>
          {lead === undefined && (
            <div class="row">
              <button class="control primary" onClick={() => void next()}>
                Next lead
              </button>
            </div>
          )}
        </div>
      ) : (
        <LeadCard
          lead={lead}
          agent={agent}
          session={session.session_id}
          placed={(placed) => {
            setRequest(placed.request_id);
            setCallId(placed.call_id ?? null);
          }}
          dispose={() => setDisposing(true)}
          skip={() => void attempted("skipped")}
        />
      )}
      {request && <CallState request={request} known={setCallId} />}
      <Refused problem={command.problem} />
      {disposing && lead && (
        <DispositionDialog
          lead={lead}
          agent={agent}
          session={session.session_id}
          call={callId}
          close={() => setDisposing(false)}
          done={(outcome) => {
            setDisposing(false);
            void attempted(outcome);
          }}
        />
      )}
    </section>
  );
}
