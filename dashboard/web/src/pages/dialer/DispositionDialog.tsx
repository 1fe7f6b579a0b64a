/** The outcome of a call, by a click or by the keys 1 to 8, with a note. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../api/ask";
import { useCommand } from "../../api/use_command";
import { Dialog } from "../../components/Dialog";
import { Field } from "../../components/Field";
import { Refused } from "../../components/Refused";
import { words } from "../../format";

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

/** What an attempt came to. */
export type Outcome = (typeof OUTCOMES)[number][1] | "skipped";

interface DispositionDialogProps {
  lead: string;
  agent: string;
  session: string;
  /** The call that was placed; null where the agent called by an own phone. */
  call: string | null;
  close: () => void;
  done: (attempt: Outcome) => void;
}

export function DispositionDialog({ lead, agent, session, call, close, done: finish }: DispositionDialogProps) {
  const [note, setNote] = useState("");
  const command = useCommand();
  const choose = async ([outcome, attempt]: (typeof OUTCOMES)[number]) => {
    const said = { outcome, agent, ...(note.trim() && { note: note.trim() }) };
    const done = await command.run<unknown>(() => {
      if (call) {
        const route = "/api/v1/tenants/{tenant}/calls/{call_id}/disposition";
        return ask("post", route, { filling: { call_id: call }, body: said, key: crypto.randomUUID() });
      }
      const id = `dialer:${session}:${lead}`;
      const fact = {
        provider: "dialer",
        external_id: `${id}:${crypto.randomUUID()}`,
        kind: "call_disposed" as const,
        occurred_at: new Date().toISOString(),
        body: { ...said, call_id: id, lead_id: lead, session_id: session },
      };
      return ask("post", "/api/v1/tenants/{tenant}/facts", { body: fact });
    });
    if (done) finish(attempt);
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
            <button class="control" disabled={command.busy} onClick={() => void choose(outcome)}>
              <kbd aria-hidden="true">{index + 1}</kbd> {outcome[0] === "dnc" ? "Do not call" : words(outcome[0])}
            </button>
          </li>
        ))}
      </ul>
      <Field label="Note" rows={3} value={note} set={setNote} />
      <Refused problem={command.problem} />
    </Dialog>
  );
}
