/** Weekly and monthly reports: the list, and one of them to read and print. */
import { useState } from "preact/hooks";
import { Problem, type Answer, address, change } from "../api/client";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Head } from "../components/Head";
import { currentMonth } from "../components/MonthPicker";
import { addMonths, day, instant, localDate, monthName, words } from "../format";
import { wrote } from "../state/live";
import { isNow } from "../state/moment";
import { go, query, withQuery } from "../state/router";
import { may, tenant, zone } from "../state/session";
import { ReportView } from "./reports/ReportView";

type Report = Answer<"/api/v1/tenants/{tenant}/reports">["items"][number];

/** The period in words. */
export function periodName(period: string | null | undefined): string {
  if (!period) return "No period";
  return period.length === 7 ? monthName(period) : `Week of ${day(period)}`;
}

const COLUMNS: Column<Report>[] = [
  { title: "Period", heading: true, cell: (item) => periodName(item.period) },
  { title: "Kind", cell: (item) => words(item.kind) },
  { title: "Status", cell: (item) => <Badge state={item.status} /> },
  { title: "Drafted", cell: (item) => instant(item.drafted_at, zone.value) },
  { title: "Published", cell: (item) => instant(item.published_at, zone.value) },
];

/** The last Mondays, the newest first. */
function mondays(): string[] {
  const today = new Date(`${localDate(new Date(), zone.value)}T12:00:00Z`);
  const back = (today.getUTCDay() + 6) % 7;
  return Array.from({ length: 8 }, (_, week) =>
    new Date(today.getTime() - (back + week * 7) * 86_400_000).toISOString().slice(0, 10),
  );
}

function Drafting() {
  const months = Array.from({ length: 12 }, (_, index) => addMonths(currentMonth(), -index));
  const [period, setPeriod] = useState(months[1] ?? "");
  const [narrative, setNarrative] = useState("");
  const [problem, setProblem] = useState<Problem | null>(null);
  const draft = async () => {
    try {
      const body = { period, ...(narrative.trim() && { narrative }) };
      const answer = (await change(
        "POST",
        address("/api/v1/tenants/{tenant}/reports", { tenant: tenant.value ?? "" }),
        body,
        crypto.randomUUID(),
      )) as { position: number; report_id: string };
      wrote(answer.position);
      go(withQuery({ report: answer.report_id }));
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  return (
    <details class="drafting no-print">
      <summary>Draft a report</summary>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void draft();
        }}
      >
        <label>
          <span>Period</span>{" "}
          <select value={period} onChange={(event) => setPeriod(event.currentTarget.value)}>
            <optgroup label="Months">
              {months.map((item) => (
                <option key={item} value={item}>
                  {monthName(item)}
                </option>
              ))}
            </optgroup>
            <optgroup label="Weeks">
              {mondays().map((item) => (
                <option key={item} value={item}>
                  Week of {day(item)}
                </option>
              ))}
            </optgroup>
          </select>
        </label>
        <label>
          <span>Narrative</span>
          <textarea value={narrative} onInput={(event) => setNarrative(event.currentTarget.value)} />
        </label>
        <div class="row">
          <button class="control primary">Draft</button>
        </div>
        {problem && (
          <p class="refused" role="alert">
            {problem.detail || problem.title}
          </p>
        )}
      </form>
    </details>
  );
}

export default function Reports() {
  const shown = query.value.get("report");
  if (shown) return <ReportView key={shown} id={shown} />;
  return (
    <>
      <Head title="Reports" />
      {may("operator") && isNow.value && <Drafting />}
      <DataTable<Report>
        title="Reports"
        route="/api/v1/tenants/{tenant}/reports"
        id={(item) => item.report_id}
        columns={COLUMNS}
        open={(item) => withQuery({ report: item.report_id })}
        empty={
          <Empty title="No reports yet">
            A weekly or monthly report is drafted here, and keeps its figures from the moment it is published.
          </Empty>
        }
      />
    </>
  );
}
