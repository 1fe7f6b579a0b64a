/** The ten figures of the month, each with its change, its days and its target. */
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Card, CardSkeleton } from "../../components/Card";
import type { DeltaProps } from "../../components/Delta";
import { Failure } from "../../components/Failure";
import { FIGURES, shown } from "../../figures";
import { amounts, lastDay, words } from "../../format";
import { type Compared, useCompared } from "./Compare";

type Month = Answer<"/api/v1/tenants/{tenant}/metrics/month">;
type Field = keyof Month & keyof typeof FIGURES;

const FIELDS = [
  "calls",
  "qualified",
  "cost_per_qualified_call_minor",
  "estimated_roi_minor",
  "ad_spend_minor",
  "emails_sent",
  "replies",
  "positive_replies",
  "bounce_rate",
  "reply_rate",
] as const satisfies readonly Field[];

/** Why a figure is unknown. */
const UNKNOWN: Partial<Record<Field, string>> = {
  cost_per_qualified_call_minor: "unknown without ad spend and a qualified call",
  estimated_roi_minor: "unknown without ad spend",
  ad_spend_minor: "no ad spend was observed in this month",
  bounce_rate: "unknown without emails sent",
  reply_rate: "unknown without emails sent",
};

/** The one number of a figure; of amounts in several currencies there is none. */
function number(value: unknown): number | null {
  if (typeof value === "number") return value;
  const values = value && typeof value === "object" ? Object.values(value) : [];
  return values.length === 1 ? Number(values[0]) : null;
}

function delta(name: string, field: Field, compared: Compared | null): DeltaProps | null {
  const [figure, found] = [FIGURES[field], compared?.of(name)];
  return figure && compared && found ? { compared: found, better: figure.better, against: compared.against.name } : null;
}

function note(field: Field, month: Month): string | undefined {
  const target = month.targets[field];
  if (target)
    return `target ${target.target.toLocaleString()}${target.status ? ` · ${words(target.status).toLowerCase()}` : ""}`;
  if (field === "cost_per_qualified_call_minor" && month.ad_spend_minor)
    return `spend ${amounts(month.ad_spend_minor)}`;
  if (
    field === "estimated_roi_minor" &&
    month.estimated_roi_percent !== null &&
    month.estimated_roi_percent !== undefined
  )
    return shown("percent", month.estimated_roi_percent);
  if (field === "calls") return `${month.answered.toLocaleString()} answered`;
  if (field === "reply_rate" && month.emails_sent > 0)
    return `${month.replies.toLocaleString()} of ${month.emails_sent.toLocaleString()}`;
  if (field === "bounce_rate" && month.emails_sent > 0)
    return `${month.bounces.toLocaleString()} of ${month.emails_sent.toLocaleString()}`;
  return undefined;
}

/** The member that `explain` takes: amounts are named with their currency. */
function member(field: Field, value: unknown): string {
  const currency = value && typeof value === "object" ? Object.keys(value)[0] : undefined;
  return currency ? `${field}.${currency}` : field;
}

export function Cards({ month }: { month: string }) {
  const now = useRead("/api/v1/tenants/{tenant}/metrics/month", {}, { month });
  const compared = useCompared(month);
  const days = useRead("/api/v1/tenants/{tenant}/metrics/days", {}, { from: `${month}-01`, to: lastDay(month) });
  const restated = useRead("/api/v1/tenants/{tenant}/restatements", {}, { month, limit: 500 });
  if (now.error && !now.data) return <Failure problem={now.error} retry={now.reload} />;
  const data = now.data;
  const figures = new Set((restated.data?.items ?? []).map((item) => item.figure.split(".")[0]));
  const items = days.data?.items ?? [];
  const lived = items.findLastIndex((day) => day.calls > 0 || day.emails_sent > 0 || day.ad_spend_minor) + 1;
  return (
    <section class="cards" aria-label="Figures">
      {FIELDS.map((field) => {
        const figure = FIGURES[field];
        if (!figure) return null;
        if (!data) return <CardSkeleton key={field} label={figure.label} foot />;
        return (
          <Card
            key={field}
            label={figure.label}
            value={shown(figure.unit, data[field])}
            figure={{ model: "month", field: member(field, data[field]), selection: { month: data.month } }}
            delta={delta(member(field, data[field]), field, compared)}
            note={note(field, data)}
            spark={items.slice(0, lived).map((day) => number(day[field]))}
            restated={figures.has(field)}
            loading={now.loading}
            {...(UNKNOWN[field] && { unknown: UNKNOWN[field] })}
          />
        );
      })}
    </section>
  );
}
