/** Runs of syncs, the newest first; one that goes on can be cancelled. */
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { When } from "../../components/When";
import { UNKNOWN, count, providerName } from "../../format";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";

type Run = Answer<"/api/v1/tenants/{tenant}/sync/runs">["items"][number];

function Cancel({ run }: { run: Run }) {
  if (run.status !== "running" || !may("operator") || !isNow.value) return null;
  const filling = { run_id: run.run_id };
  return (
    <Confirm
      label="Cancel"
      question={`Cancel the run of ${providerName(run.source)}?`}
      action="Cancel the run"
      act={() => ask("post", "/api/v1/tenants/{tenant}/sync/runs/{run_id}/cancel", { filling })}
    >
      <p>
        The run ends as failed and changes nothing: what it has read so far counts nowhere. The next one begins anew.
      </p>
    </Confirm>
  );
}

const COLUMNS: Column<Run>[] = [
  { title: "Started", heading: true, cell: (item) => <When at={item.started_at} /> },
  { title: "Source", cell: (item) => providerName(item.source) },
  { title: "Status", cell: (item) => <Badge state={item.status} /> },
  { title: "Finished", cell: (item) => <When at={item.finished_at} /> },
  { title: "Records changed", number: true, cell: (item) => count(item.records_updated) },
  { title: "Error", cell: (item) => <bdi>{item.error ?? UNKNOWN}</bdi> },
  { title: "Action", cell: (item) => <Cancel run={item} /> },
];

export function SyncRuns() {
  return (
    <section aria-label="Sync runs">
      <header class="section-head">
        <h2>Sync runs</h2>
      </header>
      <DataTable<Run>
        title="Sync runs"
        route="/api/v1/tenants/{tenant}/sync/runs"
        id={(item) => item.run_id}
        columns={COLUMNS}
        empty={
          <Empty title="No sync has run" command="factfold sync run --source clienttether">
            Runs of each source will stand here, with what they changed or why they failed.
          </Empty>
        }
      />
    </section>
  );
}
