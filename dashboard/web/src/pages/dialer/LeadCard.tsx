/** The lead in hand: what is known of it, its number, and the call. */
import { useEffect, useState } from "preact/hooks";
import { type Done, ask } from "../../api/ask";
import { useCommand } from "../../api/use_command";
import { useRead } from "../../api/use_read";
import { Members } from "../../components/Members";
import { Refused } from "../../components/Refused";
import { count, instant, words } from "../../format";
import { zone } from "../../state/session";

export type Placed = Done<"post", "/api/v1/tenants/{tenant}/calls">;

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
  const command = useCommand();
  useEffect(() => setTo(/^\+?[\d ()-]{7,}$/.test(lead) ? lead : ""), [lead]);
  const call = async () => {
    const body = { to, agent, lead_id: lead, session_id: session };
    const done = await command.run(() =>
      ask("post", "/api/v1/tenants/{tenant}/calls", { body, key: crypto.randomUUID() }),
    );
    if (done) placed(done.answer);
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
        <button class="control primary" disabled={command.busy}>
          Call
        </button>
        <button type="button" class="control" onClick={dispose}>
          Outcome
        </button>
        <button type="button" class="control" onClick={skip}>
          Skip
        </button>
      </form>
      {command.problem?.code === "calling_not_configured" ? (
        <p class="soft" role="alert">
          This workspace places no calls ([tenant.twilio] is not set). Call by your own phone, then give the outcome.
        </p>
      ) : (
        <Refused problem={command.problem} />
      )}
    </div>
  );
}
