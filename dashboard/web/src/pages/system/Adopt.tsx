/** Adopts rules that were tried out: a configuration that holds from a date on. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import { Confirm } from "../../components/Confirm";
import { Field } from "../../components/Field";
import { day } from "../../format";
import { isNow } from "../../state/moment";
import type { Configured, Rules } from "../../api/configuration";

interface AdoptProps {
  configured: Configured;
  rules: Rules;
  /** The date that is proposed. */
  from: string;
}

export function Adopt({ configured, rules, from }: AdoptProps) {
  const [date, setDate] = useState(from);
  const [done, setDone] = useState("");
  if (!isNow.value) return null;
  const act = async () => {
    const body = { ...configured.body, rules: { ...configured.body.rules, ...rules }, effective_from: date };
    const fact = {
      provider: "pages",
      // The position of the one before makes it another fact than an equal one before that.
      external_id: `tenant_configured:${configured.fact.position}`,
      kind: "tenant_configured",
      occurred_at: new Date().toISOString(),
      body,
    };
    const answer = await ask("post", "/api/v1/tenants/{tenant}/facts", { body: fact as never });
    setDone(`Adopted: the rules hold from ${day(date)}.`);
    return answer;
  };
  return (
    <>
      <Confirm
        label="Adopt from …"
        question="Adopt these rules?"
        action={`Adopt from ${date}`}
        control
        ready={/^\d{4}-\d{2}-\d{2}$/.test(date)}
        act={act}
      >
        <p>
          A configuration is recorded. Calls, leads and days from the date on follow the new rules, and closed months
          that change are listed as restated. Published reports stay as they were published.
        </p>
        <Field label="From" type="date" required value={date} set={setDate} />
        <p class="soft">
          Where the workspace is configured in factfold.toml, change it there too: the file is taken again at the next
          start.
        </p>
      </Confirm>
      {done && <p role="status">{done}</p>}
    </>
  );
}
