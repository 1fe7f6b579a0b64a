/** The read models, and the runs of syncs. */
import type { Answer } from "../api/client";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Head } from "../components/Head";
import { count, instant } from "../format";
import { me, zone } from "../state/session";

type Model = Answer<"/api/v1/projections">["items"][number];
type Run = Answer<"/api/v1/tenants/{tenant}/sync/runs">["items"][number];

const MODELS: Column<Model>[] = [
  { title: "Model", heading: true, cell: (item) => item.name },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  { title: "Version", number: true, cell: (item) => String(item.version) },
  { title: "Position", number: true, cell: (item) => count(item.position) },
  { title: "Lag", number: true, cell: (item) => count(item.lag) },
  { title: "Digest", cell: (item) => <code>{String(item.digest ?? "–").slice(0, 16)}</code> },
];

const RUNS: Column<Run>[] = [
  { title: "Started", heading: true, cell: (item) => instant(item.started_at, zone.value) },
  { title: "Source", cell: (item) => item.source },
  { title: "Status", cell: (item) => <Badge state={item.status} /> },
  { title: "Finished", cell: (item) => instant(item.finished_at, zone.value) },
  { title: "Records", number: true, cell: (item) => count(item.records_updated) },
  { title: "Error", cell: (item) => <bdi>{item.error ?? "–"}</bdi> },
];

export default function System() {
  return (
    <>
      <Head title="System" />
      <div class="stack">
        {me.value?.role && (
          <section aria-label="Read models">
            <header class="section-head">
              <h2>Read models</h2>
            </header>
            <DataTable<Model>
              title="Read models"
              route="/api/v1/projections"
              id={(item) => item.name}
              columns={MODELS}
              timeless
              empty={<Empty title="No read models" />}
            />
          </section>
        )}
        <section aria-label="Sync runs">
          <header class="section-head">
            <h2>Sync runs</h2>
          </header>
          <DataTable<Run>
            title="Sync runs"
            route="/api/v1/tenants/{tenant}/sync/runs"
            id={(item) => item.run_id}
            columns={RUNS}
            empty={
              <Empty title="No sync has run" command="factfold sync run --source clienttether">
                Runs of each source will stand here, with what they changed or why they failed.
              </Empty>
            }
          />
        </section>
      </div>
    </>
  );
}
