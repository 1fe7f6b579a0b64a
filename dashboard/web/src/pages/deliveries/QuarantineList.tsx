/** Deliveries that no fact could be made of: why, what would change it, the payload, and another try. */
import { useState } from "preact/hooks";
import { type Done, ask } from "../../api/ask";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Choice, TextFilter, filters } from "../../components/Filters";
import { When } from "../../components/When";
import { providerName, words } from "../../format";
import { isNow } from "../../state/moment";
import { query, withQuery } from "../../state/router";
import { may } from "../../state/session";
import { HeldView } from "./HeldView";
import { type Held, Retry } from "./Retry";

const COLUMNS: Column<Held>[] = [
  { title: "Received", heading: true, cell: (item) => <When at={item.received_at} /> },
  { title: "Provider", cell: (item) => providerName(item.provider) },
  { title: "Reason", cell: (item) => words(item.reason) },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  {
    title: "What would change it",
    cell: (item) => (
      <bdi class="clamp" title={item.remedy ?? undefined}>
        {item.remedy ?? "–"}
      </bdi>
    ),
  },
  { title: "Action", cell: (item) => <Retry held={item} /> },
];

/** Maps all of a reason again, page after page, oldest first. */
function RetryAll({ reason }: { reason: string | undefined }) {
  const [told, setTold] = useState("");
  const all = async () => {
    const sum = { retried: 0, resolved: 0, still: 0 };
    let position: number | null = null;
    let after: number | null = null;
    for (;;) {
      const done: Done<"post", "/api/v1/tenants/{tenant}/quarantine/retry"> = await ask(
        "post",
        "/api/v1/tenants/{tenant}/quarantine/retry",
        {
          query: { reason: reason ?? null, after },
        },
      );
      sum.retried += done.retried;
      sum.resolved += done.resolved;
      sum.still += done.still_quarantined;
      position = done.position;
      if (!done.more || !done.last_position) break;
      after = done.last_position;
    }
    setTold(
      `${sum.retried.toLocaleString()} tried, ${sum.resolved.toLocaleString()} resolved, ${sum.still.toLocaleString()} still in quarantine`,
    );
    return { position };
  };
  return (
    <>
      <Confirm
        label={reason ? `Retry all: ${words(reason).toLowerCase()}` : "Retry all"}
        question={
          reason ? `Retry all that are held for “${words(reason).toLowerCase()}”?` : "Retry all of the quarantine?"
        }
        action="Retry all"
        control
        act={all}
      >
        <p>
          Each delivery that is held is mapped again as it came, with its own time of receipt. Those that are understood
          now become facts and count; the others stay. Facts that are made cannot be taken out again, only voided.
        </p>
      </Confirm>
      {told && (
        <span class="soft" role="status">
          {told}
        </span>
      )}
    </>
  );
}

export function QuarantineList() {
  const chosen = filters("reason", "state");
  const shown = query.value.get("held");
  return (
    <section aria-label="Quarantine">
      <header class="section-head">
        <h2>Quarantine</h2>
      </header>
      <div class="filters no-print">
        <Choice
          name="state"
          label="State"
          all="Open"
          options={[
            ["resolved", "Resolved"],
            ["any", "All"],
          ]}
        />
        <TextFilter name="reason" label="Reason" placeholder="unknown_workspace" />
        {may("operator") && isNow.value && <RetryAll reason={chosen.reason} />}
      </div>
      <DataTable<Held>
        title="Quarantine"
        route="/api/v1/tenants/{tenant}/quarantine"
        page={10}
        query={{ reason: chosen.reason, state: chosen.state === "any" ? null : (chosen.state ?? "open") }}
        id={(item) => item.quarantine_id}
        columns={COLUMNS}
        open={(item) => withQuery({ held: item.quarantine_id })}
        empty={
          <Empty title="Nothing is in quarantine">
            Deliveries that no fact could be made of will be kept here, whole, with the reason and what would change it.
          </Empty>
        }
      />
      {shown && <HeldView key={shown} id={shown} />}
    </section>
  );
}
