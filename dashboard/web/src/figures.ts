/** Figures by the names that the API serves them under: label, unit, and which way is better. */
import { amounts, count, duration, money, percent, words } from "./format";
import type { FigureName } from "./why";

export type Unit = "count" | "percent" | "money" | "seconds";

export interface Figure {
  label: string;
  unit: Unit;
  /** 1 where more is better, -1 where less is, 0 where neither. */
  better: 1 | -1 | 0;
}

export const FIGURES: Record<string, Figure> = {
  calls: { label: "Calls", unit: "count", better: 1 },
  answered: { label: "Answered calls", unit: "count", better: 1 },
  qualified: { label: "Qualified calls", unit: "count", better: 1 },
  talk_seconds: { label: "Talk time", unit: "seconds", better: 1 },
  answered_rate: { label: "Answered rate", unit: "percent", better: 1 },
  ad_spend_minor: { label: "Ad spend", unit: "money", better: 0 },
  cost_per_qualified_call_minor: { label: "Cost per qualified call", unit: "money", better: -1 },
  estimated_roi_minor: { label: "Estimated ROI", unit: "money", better: 1 },
  estimated_roi_percent: { label: "Estimated ROI in percent", unit: "percent", better: 1 },
  emails_sent: { label: "Emails sent", unit: "count", better: 0 },
  replies: { label: "Replies", unit: "count", better: 1 },
  unique_replies: { label: "Leads that replied", unit: "count", better: 1 },
  interested: { label: "Interested", unit: "count", better: 1 },
  positive_replies: { label: "Positive replies", unit: "count", better: 1 },
  bounces: { label: "Bounces", unit: "count", better: -1 },
  unsubscribes: { label: "Unsubscribes", unit: "count", better: -1 },
  reply_rate: { label: "Reply rate", unit: "percent", better: 1 },
  interest_rate: { label: "Interest rate", unit: "percent", better: 1 },
  bounce_rate: { label: "Bounce rate", unit: "percent", better: -1 },
  unsubscribe_rate: { label: "Unsubscribe rate", unit: "percent", better: -1 },
  connected: { label: "Connected", unit: "count", better: 1 },
  pickups: { label: "Pickups", unit: "count", better: 1 },
  calls_made: { label: "Calls made", unit: "count", better: 1 },
  total_leads: { label: "Total Leads", unit: "count", better: 1 },
  qualified_leads: { label: "Qualified Leads", unit: "count", better: 1 },
  source_count: { label: "Lead Sources", unit: "count", better: 0 },
  total_value_minor: { label: "Total Pipeline Value", unit: "money", better: 1 },
  pipeline_value_minor: { label: "Pipeline value", unit: "money", better: 1 },
  stage_count: { label: "Stages", unit: "count", better: 0 },
  average_deal_minor: { label: "Average Deal Size", unit: "money", better: 1 },
  weighted_value_minor: { label: "Weighted Value", unit: "money", better: 1 },
};

/** What a member is called where its model makes it another figure than elsewhere. */
function ofModel({ model, field, selection }: FigureName): Figure | null {
  if (field === "*") return { label: `All of ${words(model).toLowerCase()}`, unit: "count", better: 0 };
  const { stage, source, status, metric } = selection;
  if (model === "pipeline" && stage) {
    if (field === "count") return { label: `Deals in ${stage}`, unit: "count", better: 1 };
    if (field === "value_minor") return { label: `Value in ${stage}`, unit: "money", better: 1 };
  }
  if (model === "leads" && field === "leads")
    return { label: `Leads ${source ? `from ${source}` : `in ${status}`}`, unit: "count", better: 1 };
  if (model === "targets" && metric)
    return {
      label: field === "value" ? words(metric) : `${words(metric)}, ${words(field).toLowerCase()}`,
      unit: field === "progress" ? "percent" : "count",
      better: 1,
    };
  if (model === "sender_accounts")
    return { label: words(field), unit: field.endsWith("_rate") ? "percent" : "count", better: 0 };
  return null;
}

/** A figure as `explain` names it: its label, unit, and which way is better. */
export function figureOf(name: FigureName): Figure {
  const special = ofModel(name);
  if (special) return special;
  const [head = "", ...rest] = name.field.split(".");
  const known = FIGURES[head];
  if (known) return rest.at(-1) === "change_percent" ? { ...known, unit: "percent" } : known;
  if (head === "outcomes") return { label: `Calls with outcome ${words(rest.join("."))}`, unit: "count", better: 0 };
  const nested = FIGURES[rest[0] ?? ""];
  if (nested) return { ...nested, label: `${nested.label}, ${words(head).toLowerCase()}` };
  return {
    label: words(name.field.replace(/\./g, " ")),
    unit: name.field.includes("minor") ? "money" : "count",
    better: 0,
  };
}

/** The currency in a member's name, such as `ad_spend_minor.USD`. */
export function currencyIn(field: string): string | null {
  return /\.([A-Z]{3})(\.|$)/.exec(field)?.[1] ?? null;
}

/** A served value as text. A bare amount of money is of `currency`, where that is known. */
export function shown(unit: Unit, value: unknown, currency?: string | null): string {
  if (value !== null && typeof value === "object") return amounts(value as Record<string, number>);
  const number = typeof value === "number" ? value : null;
  if (unit === "money") return money(number, currency);
  return unit === "percent" ? percent(number) : unit === "seconds" ? duration(number) : count(number);
}
