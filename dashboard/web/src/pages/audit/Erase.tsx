/** Erases a person's data, and shows the receipt: figures, positions and the tree stay as they are. */
import { useState } from "preact/hooks";
import { type Done, ask } from "../../api/ask";
import { Confirm } from "../../components/Confirm";
import { Field } from "../../components/Field";
import { Members } from "../../components/Members";
import { count } from "../../format";
import { isNow } from "../../state/moment";

type Receipt = Done<"post", "/api/v1/tenants/{tenant}/erase">;

const BY = [
  ["email", "Email"],
  ["phone", "Phone"],
  ["lead", "Lead's id"],
] as const;

export function Erase() {
  const [by, setBy] = useState<string>("email");
  const [value, setValue] = useState("");
  const [again, setAgain] = useState("");
  const [receipt, setReceipt] = useState<Receipt | null>(null);
  if (!isNow.value) return <p class="soft">The past cannot be changed. Go back to now.</p>;
  const person = value.trim();
  const act = async () => {
    const done = await ask("post", "/api/v1/tenants/{tenant}/erase", {
      body: { [by]: person },
      key: crypto.randomUUID(),
    });
    setReceipt(done);
    setValue("");
    setAgain("");
    return done;
  };
  return (
    <section aria-label="Erase a person" class="narrow">
      <header class="section-head">
        <h2>Erase a person</h2>
      </header>
      <p class="soft">
        Names, addresses, numbers, texts and original payloads of one person go, in the log and in all that is kept
        beside it. Figures, positions, hashes and keys stay, so the log still verifies.
      </p>
      <div class="form">
        <div class="pair">
          <Field label="By" value={by} set={setBy} options={BY} />
          <Field label="Person" value={value} set={setValue} placeholder="lead@example.com" />
        </div>
        <div class="row">
          {person !== "" && (
            <Confirm label="Erase" question={`Erase ${person}?`} control ready={again.trim() === person} act={act}>
              <p>
                It cannot be undone. A backup that was made before holds the person still, until a restore of it replays
                the erasure.
              </p>
              <Field label="Type it again" value={again} set={setAgain} />
            </Confirm>
          )}
        </div>
      </div>
      {receipt && (
        <div role="status">
          <h3>Receipt</h3>
          <Members
            members={[
              ["Facts erased", count(receipt.erased_facts)],
              ["Bytes", count(receipt.bytes)],
              ["Recorded at position", count(receipt.position)],
              ["Checkpoint before", receipt.checkpoint_before && <code>{receipt.checkpoint_before}</code>],
              ["Checkpoint after", receipt.checkpoint_after && <code>{receipt.checkpoint_after}</code>],
            ]}
          />
        </div>
      )}
    </section>
  );
}
