/** Each source that is synced: its state, its last run, the next one, and through when it is complete. */
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { Badge } from "../../components/Badge";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Refused } from "../../components/Refused";
import { When } from "../../components/When";
import { UNKNOWN, count, providerName } from "../../format";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";

type Source = Answer<"/api/v1/tenants/{tenant}/sync/sources">["items"][number];

function Run({ source }: { source: string }) {
  const command = useCommand();
  if (!may("operator") || !isNow.value) return null;
  return (
    <>
      <button
        class="link"
        disabled={command.busy}
        onClick={() => void command.run(() => ask("post", "/api/v1/tenants/{tenant}/sync/run", { body: { source } }))}
      >
        Run now
      </button>
      <Refused problem={command.problem} />
    </>
  );
}

const COLUMNS: Column<Source>[] = [
  { title: "Source", heading: true, cell: (item) => providerName(item.source) },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  { title: "Last run", cell: (item) => <When at={item.last_run_at} /> },
  { title: "Last success", cell: (item) => <When at={item.last_success_at} /> },
  { title: "Next run", cell: (item) => <When at={item.retrying?.next_try_at ?? item.next_run_at} /> },
  { title: "Complete through", cell: (item) => <When at={item.complete_through} /> },
  { title: "Records", number: true, cell: (item) => count(item.records) },
  { title: "Error", cell: (item) => <bdi>{item.retrying?.error ?? item.error ?? UNKNOWN}</bdi> },
  { title: "Action", cell: (item) => <Run source={item.source} /> },
];

export function Sources() {
  return (
    <section aria-label="Sources">
      <header class="section-head">
        <h2>Sources</h2>
      </header>
      <DataTable<Source>
        title="Sources"
        route="/api/v1/tenants/{tenant}/sync/sources"
        query={{ limit: undefined }}
        id={(item) => item.source}
        columns={COLUMNS}
        empty={
          <Empty
            title="No source is configured"
            command="[tenant.clienttether] base_url = …, web_key = … in factfold.toml"
          >
            Each source that is read for this workspace will stand here with its next run and how complete it is.
          </Empty>
        }
      />
    </section>
  );
}
