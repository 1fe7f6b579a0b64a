/** Undoes an import or a provider's bad hour: many facts are voided at once, and what that changes is shown first. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import { useCommand } from "../../api/use_command";
import { Confirm } from "../../components/Confirm";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { count } from "../../format";
import { isNow } from "../../state/moment";
import { DryRun, type Told } from "./DryRun";

const ROUTE = "/api/v1/tenants/{tenant}/void";
/** Most facts at once, as the server says. */
const MOST = 100_000;

interface Key {
  provider: string;
  external_id: string;
}

/** The keys of a file of facts, one JSON object a line. */
async function keysOf(file: File): Promise<Key[]> {
  const keys: Key[] = [];
  for (const [index, line] of (await file.text()).split("\n").entries()) {
    if (!line.trim()) continue;
    let fact: Partial<Key>;
    try {
      fact = JSON.parse(line) as Partial<Key>;
    } catch {
      throw new Error(`line ${index + 1} is not JSON: the file is NDJSON, a fact a line`);
    }
    if (!fact.provider || !fact.external_id) throw new Error(`line ${index + 1} has no provider and external_id`);
    keys.push({ provider: fact.provider, external_id: fact.external_id });
    if (keys.length > MOST) throw new Error(`more than ${MOST.toLocaleString()} facts: factfold void takes the file`);
  }
  return keys;
}

/** An instant of a `datetime-local` field, which is in the browser's zone. */
const instantOf = (text: string) => (text ? new Date(text).toISOString() : null);

export function VoidMany() {
  const [undo, setUndo] = useState(false);
  const [by, setBy] = useState<"file" | "range">("file");
  const [file, setFile] = useState<File | null>(null);
  const [provider, setProvider] = useState("");
  const [kind, setKind] = useState("");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [reason, setReason] = useState("");
  const [shown, setShown] = useState<{ told: Told; body: object } | null>(null);
  const [done, setDone] = useState("");
  const command = useCommand();
  const look = async () => {
    setShown(null);
    setDone("");
    const found = await command.run(async () => {
      const chosen =
        by === "file" && file
          ? { keys: await keysOf(file) }
          : {
              provider: provider || null,
              kind: kind || null,
              recorded_from: instantOf(from),
              recorded_to: instantOf(to),
            };
      const body = { ...chosen, reason, undo };
      return { told: (await ask("post", ROUTE, { body: { ...body, dry_run: true } })) as Told, body };
    });
    if (found) setShown(found.answer);
  };
  const act = async () => {
    if (!shown) return;
    const answer = (await ask("post", ROUTE, { body: shown.body })) as Exclude<
      Awaited<ReturnType<typeof ask<"post", typeof ROUTE>>>,
      Told
    >;
    setDone(
      `${count(answer.recorded)} ${undo ? "restored" : "voided"}, ${count(answer.duplicates)} were so before, ${count(answer.rejected)} refused`,
    );
    setShown(null);
    return { position: answer.last_position };
  };
  if (!isNow.value) return <p class="soft">The past cannot be changed. Go back to now.</p>;
  const number = shown?.told.facts ?? 0;
  return (
    <section aria-label="Void many facts" class="narrow">
      <header class="section-head">
        <h2>Void many facts</h2>
      </header>
      <p class="soft">
        A file went to the wrong client, or a provider sent nonsense for an hour. The facts stay in the log; a later
        fact says of each that it counts no more. It can be taken back.
      </p>
      <Form command={command} submit={() => void look()} action="Show what would change">
        <Field
          label="What to do"
          value={undo ? "restore" : "void"}
          set={(value) => setUndo(value === "restore")}
          options={[
            ["void", "Void facts"],
            ["restore", "Restore voided facts"],
          ]}
        />
        <Field
          label="Which facts"
          value={by}
          set={(value) => setBy(value === "file" ? "file" : "range")}
          options={[
            ["file", "By a file"],
            ["range", "By provider and time"],
          ]}
        />
        {by === "file" ? (
          <label class="field">
            <span>File that was imported</span>
            <input
              type="file"
              required
              accept=".ndjson,.jsonl"
              onChange={(event) => setFile(event.currentTarget.files?.[0] ?? null)}
            />
          </label>
        ) : (
          <div class="pair">
            <Field label="Provider" value={provider} set={setProvider} placeholder="twilio" />
            <Field label="Kind" value={kind} set={setKind} placeholder="call_reported" />
            <Field label="Recorded from" type="datetime-local" value={from} set={setFrom} />
            <Field label="Recorded to" type="datetime-local" value={to} set={setTo} />
          </div>
        )}
        <Field label="Reason" required value={reason} set={setReason} />
      </Form>
      {shown && (
        <>
          <DryRun told={shown.told} undo={undo} />
          {number > 0 && (
            <Confirm
              label={`${undo ? "Restore" : "Void"} ${count(number)} ${number === 1 ? "fact" : "facts"}`}
              question={`${undo ? "Restore" : "Void"} ${count(number)} ${number === 1 ? "fact" : "facts"}?`}
              control
              act={act}
            >
              <p>
                {undo
                  ? "They count again as if they had never been voided."
                  : "From now on they count nowhere. They stay in the log, their keys stay taken, and closed months that change are listed as restated."}
              </p>
            </Confirm>
          )}
        </>
      )}
      {done && <p role="status">{done}</p>}
    </section>
  );
}
