/** Facts that came again under their key with other content: what differs, and which of both shall stand. */
import { Badge } from "../../components/Badge";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Choice, filters } from "../../components/Filters";
import { When } from "../../components/When";
import { query, withQuery } from "../../state/router";
import { ConflictView } from "./ConflictView";
import { type Conflict, Decision } from "./Decision";

const COLUMNS: Column<Conflict>[] = [
  { title: "Observed", heading: true, cell: (item) => <When at={item.observed_at} /> },
  { title: "Kind", cell: (item) => item.kind },
  { title: "Stands", cell: (item) => `fact ${item.stands_position.toLocaleString()}` },
  { title: "Differs in", cell: (item) => <bdi>{item.diff.map((one) => one.pointer.slice(1)).join(", ")}</bdi> },
  { title: "Came", number: true, cell: (item) => `${item.count.toLocaleString()} ×` },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  { title: "Action", cell: (item) => <Decision conflict={item} /> },
];

export function ConflictList() {
  const shown = query.value.get("conflict");
  const state = filters("conflicts").conflicts;
  return (
    <section aria-label="Conflicts">
      <header class="section-head">
        <h2>Conflicts</h2>
      </header>
      <div class="filters no-print">
        <Choice
          name="conflicts"
          label="State"
          all="Open"
          options={[
            ["accepted", "Accepted"],
            ["rejected", "Rejected"],
            ["any", "All"],
          ]}
        />
      </div>
      <DataTable<Conflict>
        title="Conflicts"
        route="/api/v1/tenants/{tenant}/conflicts"
        page={10}
        query={{ state: state === "any" ? null : (state ?? "open") }}
        id={(item) => String(item.conflict_id)}
        columns={COLUMNS}
        open={(item) => withQuery({ conflict: String(item.conflict_id) })}
        empty={
          <Empty title="No conflicts">
            A fact that comes again with other content will stand here with what differs, until somebody accepts or
            rejects it.
          </Empty>
        }
      />
      {shown && <ConflictView key={shown} id={Number(shown)} />}
    </section>
  );
}
