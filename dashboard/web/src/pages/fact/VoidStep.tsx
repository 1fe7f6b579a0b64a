/** Takes a fact out of every figure, or puts it back; what that changes is shown before it is done. */
import { useEffect, useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { Confirm } from "../../components/Confirm";
import { Field } from "../../components/Field";
import { Refused } from "../../components/Refused";
import { Skeleton } from "../../components/Skeleton";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";
import { DryRun, type Told } from "../audit/DryRun";

type Fact = Answer<"/api/v1/tenants/{tenant}/facts/{position}">;

function Preview({ position, undo, found }: { position: number; undo: boolean; found: (facts: number) => void }) {
  const [told, setTold] = useState<Told | null>(null);
  const command = useCommand();
  useEffect(() => {
    const body = { positions: [position], reason: "dry run", undo, dry_run: true };
    void command
      .run(() => ask("post", "/api/v1/tenants/{tenant}/void", { body }))
      .then((done) => {
        if (!done) return;
        setTold(done.answer as Told);
        found((done.answer as Told).facts);
      });
  }, []);
  if (command.problem) return <Refused problem={command.problem} />;
  return told ? <DryRun told={told} undo={undo} /> : <Skeleton lines={3} />;
}

export function VoidStep({ fact }: { fact: Fact }) {
  const [reason, setReason] = useState("");
  const [facts, setFacts] = useState(0);
  if (!may("operator") || !isNow.value) return null;
  const route = "/api/v1/tenants/{tenant}/facts/{position}/void";
  const filling = { position: fact.position };
  if (fact.voided) {
    return (
      <Confirm
        label="Restore"
        question={`Restore fact ${fact.position.toLocaleString()}?`}
        control
        ready={facts > 0}
        act={() => ask("delete", route, { filling })}
      >
        <p>It counts again as if it had never been voided. That it was voided and restored stays in the log.</p>
        <Preview position={fact.position} undo found={setFacts} />
      </Confirm>
    );
  }
  return (
    <Confirm
      label="Void"
      question={`Void fact ${fact.position.toLocaleString()}?`}
      control
      ready={facts > 0 && reason.trim() !== ""}
      act={() => ask("post", route, { filling, body: { reason: reason.trim() }, key: crypto.randomUUID() })}
    >
      <p>
        From now on it counts nowhere. It stays in the log, its key stays taken, and as of earlier positions everything
        stands as it stood. It can be restored.
      </p>
      <Preview position={fact.position} undo={false} found={setFacts} />
      <Field label="Reason" required value={reason} set={setReason} />
    </Confirm>
  );
}
