/** What the month is compared with: the month before, the same month a year ago, or what its report said. */
import { useRead } from "../../api/use_read";
import { currentMonth } from "../../components/MonthPicker";
import { addMonths, lastDay, monthName } from "../../format";
import { moment } from "../../state/moment";
import { query, setQuery } from "../../state/router";

/** The month to compare with, the moment that it is seen at, and its name. */
export interface Against {
  month: string;
  /** Of its reads, in the place of the page's own. */
  moment: Record<string, string | number>;
  name: string;
}

export type Comparison = "before" | "year" | "published" | "none";

export function comparison(): Comparison {
  const given = query.value.get("compare");
  return given === "year" || given === "published" || given === "none" ? given : "before";
}

/** The published report of a month. */
export function usePublished(month: string) {
  const reports = useRead("/api/v1/tenants/{tenant}/reports", {}, { limit: 100 });
  return reports.data?.items.find((item) => item.period === month && item.status === "published") ?? null;
}

/** The same moment in another month: a month that is not over is compared with as much of the other. */
function upTo(month: string): string {
  const at = new Date(moment.value.known_at ?? moment.value.occurred_until ?? Date.now());
  const day = Math.min(at.getUTCDate(), Number(lastDay(month).slice(8)));
  return `${month}-${String(day).padStart(2, "0")}${at.toISOString().slice(10, 19)}Z`;
}

/** What `month` is compared with; null where with nothing. */
export function useAgainst(month: string): Against | null {
  const report = usePublished(month);
  const how = comparison();
  if (how === "none") return null;
  if (how === "published") {
    if (!report?.as_of_position) return null;
    return {
      month,
      moment: { as_of_position: report.as_of_position, occurred_until: "", known_at: "" },
      name: "as published",
    };
  }
  const other = addMonths(month, how === "year" ? -12 : -1);
  const partial = month === currentMonth();
  // To the hour, so that the address stays the same while a page is looked at.
  const moment: Against["moment"] = partial ? { occurred_until: `${upTo(other).slice(0, 13)}:00:00Z` } : {};
  return { month: other, moment, name: partial ? `${monthName(other)} to the same day` : monthName(other) };
}

/** The figures of the month that is compared with; null where there is none, or not yet. */
export function useMonthAgainst(against: Against | null) {
  const query = against ? { month: against.month, ...against.moment } : {};
  const reading = useRead("/api/v1/tenants/{tenant}/metrics/month", {}, query, against === null);
  return against === null || reading.loading ? null : reading.data;
}

export function ComparePicker({ month }: { month: string }) {
  const report = usePublished(month);
  return (
    <label>
      <span class="unseen">Compare with</span>
      <select
        class="control"
        value={comparison()}
        onChange={(event) =>
          setQuery({ compare: event.currentTarget.value === "before" ? null : event.currentTarget.value })
        }
      >
        <option value="before">Compare: month before</option>
        <option value="year">Compare: a year ago</option>
        <option value="published" disabled={!report}>
          Compare: as published
        </option>
        <option value="none">Compare: nothing</option>
      </select>
    </label>
  );
}
