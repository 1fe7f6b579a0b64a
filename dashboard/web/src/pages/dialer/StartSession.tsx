/** Starts a session with leads that are pasted or taken from the outreach. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import { get } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { words } from "../../format";
import { tenant } from "../../state/session";

/** Most leads that a session takes. */
const MOST = 5_000;

export function StartSession({ agent, resumable }: { agent: string; resumable: string | null }) {
  const [pipeline, setPipeline] = useState("default");
  const [text, setText] = useState("");
  const command = useCommand();
  const leads = [
    ...new Set(
      text
        .split(/[\n,;]+/)
        .map((line) => line.trim())
        .filter(Boolean),
    ),
  ];
  const start = () =>
    command.run(() =>
      ask("post", "/api/v1/tenants/{tenant}/sessions", {
        body: { agent, pipeline_id: pipeline.trim(), lead_ids: leads },
      }),
    );
  const choose = (stage: "interested" | "replied" | "follow_up") =>
    command.run(async () => {
      const place = { tenant: tenant.value ?? "" };
      const page = await get("/api/v1/tenants/{tenant}/outreach/leads", place, { stage, limit: 500 });
      setText(page.items.map((lead) => lead.lead_id).join("\n"));
    });
  return (
    <section aria-label="Start a session">
      <header class="section-head">
        <h2>Start a session</h2>
      </header>
      <Form
        command={command}
        submit={() => void start()}
        action={`Start with ${leads.length.toLocaleString()} ${leads.length === 1 ? "lead" : "leads"}`}
        disabled={leads.length === 0 || leads.length > MOST}
        aside={leads.length > MOST && <span class="refused">At most {MOST.toLocaleString()} leads</span>}
      >
        <Field label="Pipeline" required value={pipeline} set={setPipeline} />
        <Field label="Leads, one a line" rows={8} required value={text} set={setText} />
        <div class="row">
          <span class="soft">Or those of the outreach that are</span>
          {(["interested", "replied", "follow_up"] as const).map((stage) => (
            <button key={stage} type="button" class="control" onClick={() => void choose(stage)}>
              {words(stage)}
            </button>
          ))}
        </div>
      </Form>
      {resumable && <p class="soft">The session before has ended.</p>}
    </section>
  );
}
