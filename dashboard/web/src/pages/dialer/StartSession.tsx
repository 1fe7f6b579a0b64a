/** Starts a session with leads that are pasted or taken from the outreach. */
import { useState } from "preact/hooks";
import { Problem, address, change, get } from "../../api/client";
import { words } from "../../format";
import { wrote } from "../../state/live";
import { tenant } from "../../state/session";

/** Most leads that a session takes. */
const MOST = 5_000;

export function StartSession({ agent, resumable }: { agent: string; resumable: string | null }) {
  const [pipeline, setPipeline] = useState("default");
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const leads = [
    ...new Set(
      text
        .split(/[\n,;]+/)
        .map((line) => line.trim())
        .filter(Boolean),
    ),
  ];
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      const answer = (await act()) as { position?: number };
      setProblem(null);
      wrote(answer.position);
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  const start = () =>
    attempt(() =>
      change("POST", address("/api/v1/tenants/{tenant}/sessions", { tenant: tenant.value ?? "" }), {
        agent,
        pipeline_id: pipeline.trim(),
        lead_ids: leads,
      }),
    );
  const choose = (stage: "interested" | "replied" | "follow_up") =>
    attempt(async () => {
      const page = await get(
        "/api/v1/tenants/{tenant}/outreach/leads",
        { tenant: tenant.value ?? "" },
        { stage, limit: 500 },
      );
      setText(page.items.map((lead) => lead.lead_id).join("\n"));
      return {};
    });
  return (
    <section aria-label="Start a session">
      <header class="section-head">
        <h2>Start a session</h2>
      </header>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <label>
          <span class="soft">Pipeline</span>
          <br />
          <input required value={pipeline} onInput={(event) => setPipeline(event.currentTarget.value)} />
        </label>
        <label>
          <span class="soft">Leads, one a line</span>
          <textarea rows={8} required value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <div class="row">
          <span class="soft">Or those of the outreach that are</span>
          {(["interested", "replied", "follow_up"] as const).map((stage) => (
            <button key={stage} type="button" class="control" onClick={() => void choose(stage)}>
              {words(stage)}
            </button>
          ))}
        </div>
        <div class="row">
          <button class="control primary" disabled={leads.length === 0 || leads.length > MOST}>
            Start with {leads.length.toLocaleString()} {leads.length === 1 ? "lead" : "leads"}
          </button>
          {leads.length > MOST && <span class="refused">At most {MOST.toLocaleString()} leads</span>}
        </div>
        {problem && (
          <p class="refused" role="alert">
            {problem.detail || problem.title}
          </p>
        )}
      </form>
      {resumable && <p class="soft">The session before has ended.</p>}
    </section>
  );
}
