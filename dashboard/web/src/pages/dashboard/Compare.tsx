/** What the month is compared with: the month before, the same month a year ago, or what its report said. */
import { useRead } from "../../api/use_read";
import { type ComparedFigure, Delta } from "../../components/Delta";
import { monthName } from "../../format";
import { moment } from "../../state/moment";
import { query, setQuery } from "../../state/router";

/** The month to compare with, the moment that it is seen at, and its name. */
export interface Against {
  month: string;
  /** Of its reads, in the place of the page's own. */
  moment: Record<string, string | number>;
  name: string;
}

export interface Compared {
  against: Against;
  /** The tenant's figure, or an agent's, by its name as `explain` takes it. */
  of: (figure: string, agent?: string | null) => ComparedFigure | null;
}

export type Comparison = "before" | "year" | "published" | "none";

export function comparison(): Comparison {
  const given = query.value.get("compare");
  return given === "year" || given === "published" || given === "none" ? given : "before";
}

/** The published report of a month. */
function usePublished(month: string) {
  const reports = useRead("/api/v1/tenants/{tenant}/reports", {}, { limit: 100 });
  return reports.data?.items.find((item) => item.period === month && item.status === "published") ?? null;
}

/** Every figure of the month with its change, as the server compares it; null where with nothing, or not yet. */
export function useCompared(month: string): Compared | null {
  const how = comparison();
  const query = how === "none" ? {} : { month, with: how };
  const { data, loading } = useRead("/api/v1/tenants/{tenant}/metrics/compare", {}, query, how === "none");
  if (how === "none" || loading || data === null) return null;
  const { month: other, occurred_until, as_of_position, report_id } = data.against;
  const isPartial = !!occurred_until && occurred_until !== moment.value.occurred_until;
  const name = report_id ? "as published" : isPartial ? `${monthName(other)} to the same day` : monthName(other);
  const then: Record<string, string | number> = as_of_position
    ? { as_of_position, occurred_until: "", known_at: "" }
    : occurred_until
      ? { occurred_until }
      : {};
  return {
    against: { month: other, moment: then, name },
    of: (figure, agent = null) => data.items.find((item) => item.figure === figure && item.agent === agent) ?? null,
  };
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

interface ChangeProps {
  of: Compared | null;
  figure: string;
  agent?: string;
  better: 1 | -1 | 0;
}

/** The change of one figure, once it is there. */
export function Change({ of, figure, agent, better }: ChangeProps) {
  const compared = of?.of(figure, agent);
  return of && compared ? <Delta compared={compared} better={better} against={of.against.name} /> : null;
}
