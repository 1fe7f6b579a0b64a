/** Opportunities in the hot stages, the highest weighted value first. */
import type { Answer } from "../api/client";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Head } from "../components/Head";
import { UNKNOWN, count, money, percent } from "../format";

type Item = Answer<"/api/v1/tenants/{tenant}/hot-list">["items"][number];

const COLUMNS: Column<Item>[] = [
  { title: "Candidate", heading: true, cell: (item) => <bdi>{item.candidate ?? UNKNOWN}</bdi> },
  { title: "Market", cell: (item) => <bdi>{item.market ?? UNKNOWN}</bdi> },
  { title: "Units", number: true, cell: (item) => count(item.units) },
  { title: "IFF", number: true, cell: (item) => money(item.iff_minor, item.currency) },
  { title: "Likely %", number: true, cell: (item) => percent(item.likely_percent) },
  { title: "Weighted IFF", number: true, cell: (item) => money(item.weighted_iff_minor, item.currency) },
  { title: "Stage", cell: (item) => <Badge state={item.stage} text={item.stage} /> },
];

export default function HotList() {
  return (
    <>
      <Head title="Hot List" />
      <DataTable<Item>
        title="Hot List"
        route="/api/v1/tenants/{tenant}/hot-list"
        id={(item) => item.opportunity_id}
        columns={COLUMNS}
        empty={
          <Empty
            title="Nothing is hot at the moment"
            command="[tenant.clienttether] in factfold.toml, then: factfold sync run --source clienttether"
          >
            Opportunities in the hot stages will stand here after a sync, the highest weighted first.
          </Empty>
        }
      />
    </>
  );
}
