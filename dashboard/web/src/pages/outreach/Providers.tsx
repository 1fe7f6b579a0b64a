/** Email providers by day; a day without an observation is a gap, not a zero. */
import type { Answer } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { UNKNOWN, count, day, lastDay, percent } from "../../format";

type Row = Answer<"/api/v1/tenants/{tenant}/provider-performance">["items"][number];

const gap = (row: Row) => (row.span ? `known only for ${day(row.span.from)} to ${day(row.span.to)}` : undefined);

const figure = (row: Row, value: number | null | undefined) =>
  value === null || value === undefined ? (
    <span class="gap" title={gap(row)}>
      {UNKNOWN}
    </span>
  ) : (
    count(value)
  );

const COLUMNS: Column<Row>[] = [
  { title: "Day", heading: true, cell: (row) => day(row.date) },
  { title: "Provider", cell: (row) => <bdi>{row.email_provider ?? "Unknown"}</bdi> },
  { title: "Accounts", number: true, cell: (row) => count(row.accounts) },
  { title: "Sends", number: true, cell: (row) => figure(row, row.sends) },
  { title: "Replies", number: true, cell: (row) => figure(row, row.replies) },
  { title: "Bounces", number: true, cell: (row) => figure(row, row.bounces) },
  { title: "Reply rate", number: true, cell: (row) => percent(row.reply_rate) },
];

export function Providers({ month }: { month: string }) {
  return (
    <DataTable<Row>
      title="Providers"
      route="/api/v1/tenants/{tenant}/provider-performance"
      query={{ from: `${month}-01`, to: lastDay(month), limit: undefined }}
      id={(row) => `${row.date} ${row.email_provider}`}
      columns={COLUMNS}
      empty={
        <Empty title="No observations in this month">
          Each provider's sends and replies by day will stand here once accounts are polled.
        </Empty>
      }
    />
  );
}
