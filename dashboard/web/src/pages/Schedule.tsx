/** What is to come, the soonest first. */
import type { Answer } from "../api/client";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Head } from "../components/Head";
import { UNKNOWN, instant, words } from "../format";
import { zone } from "../state/session";

type Item = Answer<"/api/v1/tenants/{tenant}/schedule">["items"][number];

const COLUMNS: Column<Item>[] = [
  {
    title: "When",
    heading: true,
    cell: (item) => <time dateTime={item.scheduled_at}>{instant(item.scheduled_at, zone.value)}</time>,
  },
  { title: "Type", cell: (item) => <bdi>{words(item.activity_type)}</bdi> },
  { title: "Contact", cell: (item) => <bdi>{item.contact_name ?? UNKNOWN}</bdi> },
  { title: "Description", cell: (item) => <bdi>{item.description ?? UNKNOWN}</bdi> },
  { title: "Status", cell: (item) => <Badge state={item.status} text={item.status ?? undefined} /> },
];

export default function Schedule() {
  return (
    <>
      <Head title="Schedule" />
      <DataTable<Item>
        title="Schedule"
        route="/api/v1/tenants/{tenant}/schedule"
        query={{ limit: undefined }}
        id={(item) => item.activity_id}
        columns={COLUMNS}
        empty={
          <Empty
            title="Nothing is scheduled"
            command="[tenant.clienttether] activities = { path = …, fields = … } in factfold.toml"
          >
            Activities to come will stand here, the soonest first, in {zone.value}. The CRM has a list of them only
            where its account does, so its path is configured.
          </Empty>
        }
      />
    </>
  );
}
