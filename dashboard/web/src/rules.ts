/** The rules of a workspace, each by itself: what it is called, what it means, and what holds where it is not given. */
import type { Rules } from "./api/configuration";

/** How a rule is written in a form: a number, one name a line, a choice, or stages with their likelihood. */
type Kind = "number" | "lines" | "directions" | "stages";

export interface Rule {
  name: keyof Rules;
  label: string;
  meaning: string;
  kind: Kind;
  /** What holds where the rule is not given. */
  otherwise: string;
}

export const DIRECTIONS = [
  ["inbound,unknown", "Inbound and unknown"],
  ["inbound", "Inbound"],
  ["inbound,outbound,unknown", "All"],
  ["outbound", "Outbound"],
] as const;

/** By what they decide; those of the last group change no figure of the past. */
export const GROUPS: readonly (readonly [string, readonly Rule[]])[] = [
  [
    "Calls",
    [
      {
        name: "qualified_min_seconds",
        label: "A call qualifies from, in seconds",
        meaning: "An answered call of at least this length is qualified.",
        kind: "number",
        otherwise: "30",
      },
      {
        name: "job_value_minor",
        label: "Value of a job, in minor units",
        meaning: "What a qualified call is worth: estimated ROI is qualified calls times this, less ad spend.",
        kind: "number",
        otherwise: "none",
      },
      {
        name: "counted_directions",
        label: "Directions that count",
        meaning: "Calls of other directions are listed, and neither answered nor qualified in the figures.",
        kind: "directions",
        otherwise: "inbound, unknown",
      },
    ],
  ],
  [
    "CRM",
    [
      {
        name: "qualified_stages",
        label: "Stages of qualified leads",
        meaning: "Leads in these stages are the qualified ones.",
        kind: "lines",
        otherwise: "QR Returned to FA Sent",
      },
      {
        name: "hot_stages",
        label: "Stages of the hot list",
        meaning: "Deals in these stages stand on the hot list.",
        kind: "lines",
        otherwise: "Deal Structure to FA Signed",
      },
      {
        name: "counted_contact_types",
        label: "Contact types that count",
        meaning: "The CRM's records of these types are leads and deals; others are left out.",
        kind: "lines",
        otherwise: "1 at ClientTether",
      },
      {
        name: "stages",
        label: "Stages in order, with likelihood in percent",
        meaning: "The order of the pipeline, and how likely a deal in a stage closes: FA Signed = 90.",
        kind: "stages",
        otherwise: "those of the CRM",
      },
    ],
  ],
  [
    "Goals, alerts and waits",
    [
      {
        name: "daily_call_goal",
        label: "Calls a day that an agent is to make",
        meaning: "The goal on the leaderboard and in the dialer.",
        kind: "number",
        otherwise: "50",
      },
      {
        name: "reply_rate_drop_percent",
        label: "Drop of the reply rate that raises an alert, in percent",
        meaning: "So much below the day before that had data, from 100 emails sent up.",
        kind: "number",
        otherwise: "20",
      },
      {
        name: "session_timeout_seconds",
        label: "A dialer session ends after, in seconds",
        meaning: "Without an attempt for so long it is over.",
        kind: "number",
        otherwise: "1800",
      },
      {
        name: "reservation_seconds",
        label: "A reserved lead comes back after, in seconds",
        meaning: "So long no other line is given the lead.",
        kind: "number",
        otherwise: "120",
      },
      {
        name: "stale_after_seconds",
        label: "Ad spend is read again after, in seconds",
        meaning: "Spend of the current month that is older is asked for anew.",
        kind: "number",
        otherwise: "2700",
      },
    ],
  ],
];

const lines = (text: string) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

/** What was written of stages: a name, and behind `=` its likelihood. */
function stages(text: string): Rules["stages"] {
  return lines(text).map((line) => {
    const [, name = line, likelihood] = /^(.*?)\s*=\s*(\d+)\s*%?$/.exec(line) ?? [];
    return { name, ...(likelihood !== undefined && { likelihood_percent: Number(likelihood) }) };
  });
}

function valueOf(kind: Kind, text: string): unknown {
  if (kind === "number") return Number(text);
  if (kind === "directions") return text.split(",");
  return kind === "lines" ? lines(text) : stages(text);
}

/** The rules that were written in a form; what was left blank stays as it is. */
export function written(form: Partial<Record<keyof Rules, string>>): Rules {
  const all = GROUPS.flatMap(([, rules]) => rules);
  const given = all.flatMap(({ name, kind }) => {
    const text = form[name]?.trim();
    return text ? [[name, valueOf(kind, text)] as const] : [];
  });
  return Object.fromEntries(given) as Rules;
}

/** A rule in force as it would be written in the form. */
export function asWritten(rule: Rule, rules: Rules | undefined): string {
  const value = rules?.[rule.name];
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return rule.otherwise;
  if (!Array.isArray(value)) return String(value);
  const names = value.map((item) =>
    typeof item === "string"
      ? item
      : item.likelihood_percent === undefined
        ? item.name
        : `${item.name} = ${item.likelihood_percent}`,
  );
  return names.join(rule.kind === "directions" ? ", " : "\n");
}
