/** Erases a person's data, and shows the receipt: figures, positions and the tree stay as they are. */
import { useState } from "preact/hooks";
import { type Done, ask } from "../../api/ask";
import { Confirm } from "../../components/Confirm";
import { Field } from "../../components/Field";
import { Members } from "../../components/Members";
import { count } from "../../format";
import { isNow } from "../../state/moment";
import { isGlobal, workspace } from "../../state/session";

type Receipt = Done<"post", "/api/v1/tenants/{tenant}/erase">;

/** Where a person is erased: by the role of the whole server also from what no workspace owns. */
const ROUTES = { one: "/api/v1/tenants/{tenant}/erase", none: "/api/v1/erase" } as const;

const BY = [
  ["email", "Email"],
  ["phone", "Phone"],
  ["lead", "Lead's id"],
] as const;

export function Erase() {
  const [by, setBy] = useState<string>("email");
  const [value, setValue] = useState("");
  const [again, setAgain] = useState("");
  const [where, setWhere] = useState<string>("one");
  const [receipt, setReceipt] = useState<{ of: string; told: Receipt } | null>(null);
  if (!isNow.value) return <p class="soft">The past cannot be changed. Go back to now.</p>;
  const person = value.trim();
  const name = workspace.value?.name ?? "this workspace";
  const place = where === "none" ? "what no workspace owns" : name;
  const act = async () => {
    const asked = { body: { [by]: person }, key: crypto.randomUUID() };
    const done = where === "none" ? await ask("post", ROUTES.none, asked) : await ask("post", ROUTES.one, asked);
    setReceipt({ of: place, told: done });
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
          {isGlobal("admin") && (
            <Field
              label="From"
              value={where}
              set={setWhere}
              options={[
                ["one", name],
                ["none", "What no workspace owns"],
              ]}
              hint={
                where === "none"
                  ? "Deliveries in quarantine whose workspace is unknown, and targets of alerts with this mail address. Each workspace's own facts are erased there."
                  : "The facts of this workspace alone, and targets that are told of its alerts and of no other's."
              }
            />
          )}
        </div>
        <div class="row">
            <Confirm
              label="Erase"
              question={`Erase ${person}?`}
              control
              disabled={person === ""}
              ready={person !== "" && again.trim() === person}
              act={act}
            >
              <p>
                From <bdi>{place}</bdi>. It cannot be undone. A backup that was made before holds the person still, until a restore of it replays
                the erasure.
              </p>
              <Field label="Type it again" value={again} set={setAgain} />
            </Confirm>
        </div>
      </div>
      {receipt && (
        <div role="status">
          <h3>Receipt</h3>
          <Members
            members={[
              ["Erased from", receipt.of],
              ["Facts erased", count(receipt.told.erased_facts)],
              ["Bytes", count(receipt.told.bytes)],
              ["Targets of alerts removed", count(receipt.told.alert_targets)],
              ["Recorded at position", count(receipt.told.position)],
              ["Checkpoint before", receipt.told.checkpoint_before && <code>{receipt.told.checkpoint_before}</code>],
              ["Checkpoint after", receipt.told.checkpoint_after && <code>{receipt.told.checkpoint_after}</code>],
            ]}
          />
        </div>
      )}
    </section>
  );
}
