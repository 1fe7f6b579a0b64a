/** The outcome of a call, by a click or by the keys 1 to 8, with a note. */
import { useEffect, useState } from "preact/hooks";
import { Problem, address, change } from "../../api/client";
import { Dialog } from "../../components/Dialog";
import { words } from "../../format";
import { tenant } from "../../state/session";

/** Each outcome of a call, and what the attempt came to. */
const OUTCOMES = [
  ["connected", "connected"],
  ["voicemail", "voicemail"],
  ["no-answer", "no-answer"],
  ["busy", "busy"],
  ["callback", "connected"],
  ["not-interested", "connected"],
  ["wrong-number", "connected"],
  ["dnc", "connected"],
] as const;

interface DispositionDialogProps {
  lead: string;
  agent: string;
  session: string;
  /** The call that was placed; null where the agent called by an own phone. */
  call: string | null;
  close: () => void;
  done: (attempt: string) => void;
}

export function DispositionDialog({ lead, agent, session, call, close, done }: DispositionDialogProps) {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const choose = async ([outcome, attempt]: (typeof OUTCOMES)[number]) => {
    if (busy) return;
    setBusy(true);
    const place = { tenant: tenant.value ?? "", call_id: call ?? "" };
    const said = { outcome, agent, ...(note.trim() && { note }) };
    try {
      if (call) {
        await change(
          "POST",
          address("/api/v1/tenants/{tenant}/calls/{call_id}/disposition", place),
          said,
          crypto.randomUUID(),
        );
      } else {
        const id = `dialer:${session}:${lead}`;
        const body = { ...said, call_id: id, lead_id: lead, session_id: session };
        const fact = {
          provider: "dialer",
          external_id: `${id}:${crypto.randomUUID()}`,
          kind: "call_disposed",
          occurred_at: new Date().toISOString(),
          body,
        };
        await change("POST", address("/api/v1/tenants/{tenant}/facts", place), fact);
      }
      done(attempt);
    } catch (error) {
      setProblem(error as Problem);
      setBusy(false);
    }
  };
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.altKey || event.ctrlKey || event.metaKey || (event.target as HTMLElement).tagName === "TEXTAREA")
        return;
      const chosen = OUTCOMES[Number(event.key) - 1];
      if (chosen) {
        event.preventDefault();
        void choose(chosen);
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
  return (
    <Dialog name={`Outcome of ${lead}`} close={close}>
      <ul class="outcomes">
        {OUTCOMES.map((outcome, index) => (
          <li key={outcome[0]}>
            <button class="control" disabled={busy} onClick={() => void choose(outcome)}>
              <kbd aria-hidden="true">{index + 1}</kbd> {outcome[0] === "dnc" ? "Do not call" : words(outcome[0])}
            </button>
          </li>
        ))}
      </ul>
      <label>
        <span class="soft">Note</span>
        <textarea class="whole" value={note} onInput={(event) => setNote(event.currentTarget.value)} />
      </label>
      {problem && (
        <p class="refused" role="alert">
          {problem.detail || problem.title}
        </p>
      )}
    </Dialog>
  );
}
