/** The ledger of restatements: figures of closed months that changed, with old, new and why. */
import type { Answer } from "../../api/client";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { FigureLink } from "../../components/FigureLink";
import { TextFilter, filters } from "../../components/Filters";
import { pageAddress } from "../../components/Navigation";
import { figureOf, shown } from "../../figures";
import { day, monthName } from "../../format";

type Row = Answer<"/api/v1/tenants/{tenant}/restatements">["items"][number];

const CAUSES = { data: "late or corrected facts", rule: "other rules", void: "voided facts" } as const;

const nameOf = (row: Row) => ({ model: "month", field: row.figure, selection: { month: row.month } });
const value = (row: Row, of: number | null | undefined) => shown(figureOf(nameOf(row)).unit, of);

const COLUMNS: Column<Row>[] = [
  { title: "Recorded", heading: true, cell: (row) => day(row.recorded_on) },
  { title: "Month", cell: (row) => monthName(row.month) },
  { title: "Figure", cell: (row) => <FigureLink figure={nameOf(row)}>{figureOf(nameOf(row)).label}</FigureLink> },
  { title: "Old", number: true, cell: (row) => value(row, row.old) },
  { title: "New", number: true, cell: (row) => value(row, row.new) },
  {
    title: "Why",
    cell: (row) => `${row.causes.toLocaleString()} × ${CAUSES[row.cause]}${row.import ? `, import ${row.import}` : ""}`,
  },
  {
    title: "Facts",
    cell: (row) => (
      <>
        {row.positions.slice(0, 3).map((position) => (
          <a key={position} class="listed" href={pageAddress(`facts/${position}`)}>
            {position.toLocaleString()}
          </a>
        ))}
        {row.positions.length > 3 && "…"}
      </>
    ),
  },
];

export function Restatements() {
  return (
    <>
      <div class="filters no-print">
        <TextFilter name="month" label="Month" type="month" />
      </div>
      <DataTable<Row>
        title="Restatements"
        route="/api/v1/tenants/{tenant}/restatements"
        query={filters("month")}
        id={(row) => `${row.month} ${row.figure} ${row.recorded_on} ${row.cause} ${row.import ?? ""}`}
        columns={COLUMNS}
        empty={
          <Empty title="No closed month has changed">
            A month is closed an hour after its end. A figure of it that changes later will stand here, with old, new
            and the facts that changed it.
          </Empty>
        }
      />
    </>
  );
}
