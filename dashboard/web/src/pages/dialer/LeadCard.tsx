/** The lead in hand: what is known of it, its number, and the call. */
import { useEffect, useState } from "preact/hooks";
import { Problem, address, change } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Members } from "../../components/Members";
import { count, instant, words } from "../../format";
import { wrote } from "../../state/live";
import { tenant, zone } from "../../state/session";

export interface Placed {
  request_id: string;
  call_id: string | null;
  position: number;
}

interface LeadCardProps {
  lead: string;
  agent: string;
  session: string;
  placed: (answer: Placed) => void;
  dispose: () => void;
  skip: () => void;
}

export function LeadCard({ lead, agent, session, placed, dispose, skip }: LeadCardProps) {
  const { data } = useRead("/api/v1/tenants/{tenant}/outreach/leads/{lead_id}", { lead_id: lead });
  const [to, setTo] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    setTo(/^\+?[\d ()-]{7,}$/.test(lead) ? lead : "");
    setProblem(null);
  }, [lead]);
  const call = async () => {
    try {
      const url = address("/api/v1/tenants/{tenant}/calls", { tenant: tenant.value ?? "" });
      const answer = (await change(
        "POST",
        url,
        { to, agent, lead_id: lead, session_id: session },
        crypto.randomUUID(),
      )) as Placed;
      setProblem(null);
      placed(answer);
      wrote(answer.position);
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  const name = [data?.first_name, data?.last_name].filter(Boolean).join(" ");
  return (
    <div class="lead-card">
      <h3 class="lead-name">
        <bdi>{name || lead}</bdi>
      </h3>
      <Members
        members={[
          ["Lead", lead],
          ["Company", data?.company],
          ["Email", data?.email],
          ["Stage", data && words(data.stage)],
          [
            "Called",
            data && data.call_count > 0
              ? `${count(data.call_count)} times, last ${instant(data.last_called_at, zone.value)}`
              : null,
          ],
        ]}
      />
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          void call();
        }}
      >
        <label>
          <span>Number</span>
          <input
            type="tel"
            value={to}
            required
            placeholder="+12025550123"
            onInput={(event) => setTo(event.currentTarget.value)}
          />
        </label>
        <button class="control primary">Call</button>
        <button type="button" class="control" onClick={dispose}>
          Outcome
        </button>
        <button type="button" class="control" onClick={skip}>
          Skip
        </button>
      </form>
      {problem && (
        <p class={problem.code === "calling_not_configured" ? "soft" : "refused"} role="alert">
          {problem.code === "calling_not_configured"
            ? "This workspace places no calls ([tenant.twilio] is not set). Call by your own phone, then give the outcome."
            : problem.detail || problem.title}
        </p>
      )}
    </div>
  );
}
