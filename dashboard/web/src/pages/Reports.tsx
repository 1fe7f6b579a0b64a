/** Weekly and monthly reports: the list, and one of them to read and print. */
import { useState } from "preact/hooks";
import { ask } from "../api/ask";
import type { Answer } from "../api/client";
import { useCommand } from "../api/use_command";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Field } from "../components/Field";
import { Form } from "../components/Form";
import { Head } from "../components/Head";
import { currentMonth } from "../components/MonthPicker";
import { When } from "../components/When";
import { addMonths, day, localDate, monthName, words } from "../format";
import { isNow } from "../state/moment";
import { go, query, withQuery } from "../state/router";
import { may, zone } from "../state/session";
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
  { title: "Drafted", cell: (item) => <When at={item.drafted_at} /> },
  { title: "Published", cell: (item) => <When at={item.published_at} /> },
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
  const command = useCommand();
  const draft = async () => {
    const body = { period, ...(narrative.trim() && { narrative }) };
    const made = await command.run(() =>
      ask("post", "/api/v1/tenants/{tenant}/reports", { body, key: crypto.randomUUID() }),
    );
    if (made) go(withQuery({ report: made.answer.report_id }));
  };
  return (
    <details class="drafting no-print">
      <summary>Draft a report</summary>
      <Form command={command} submit={() => void draft()} action="Draft">
        <label class="field">
          <span>Period</span>
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
        <Field
          label="Narrative"
          rows={5}
          value={narrative}
          set={setNarrative}
          hint="It can be edited until the report is published."
        />
      </Form>
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
