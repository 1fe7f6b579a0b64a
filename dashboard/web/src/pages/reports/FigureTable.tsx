/** The figures of a report beside those of the period before. */
import type { Answer } from "../../api/client";
import { FigureLink } from "../../components/FigureLink";
import { FIGURES, type Unit, shown } from "../../figures";

type Figures = NonNullable<Answer<"/api/v1/tenants/{tenant}/reports/{report_id}">["figures"]>;

const GROUPS: [string, (keyof Figures & string)[]][] = [
  ["Calls", ["calls", "answered", "answered_rate", "qualified", "talk_seconds"]],
  [
    "Outreach",
    [
      "emails_sent",
      "replies",
      "reply_rate",
      "interested",
      "positive_replies",
      "bounces",
      "bounce_rate",
      "unsubscribes",
    ],
  ],
  ["CRM", ["total_leads", "qualified_leads", "pipeline_value_minor", "weighted_value_minor"]],
];

interface Row {
  field: string;
  label: string;
  unit: Unit;
  better: number;
  value: number | null;
  before: number | null;
  change: number | null;
  percent: number | null;
  currency: string | null;
}

interface Compared {
  value?: number | null;
  before?: number | null;
  change?: number | null;
  change_percent?: number | null;
}

function row(field: string, compared: Compared, currency: string | null): Row {
  const known = FIGURES[field.split(".")[0] ?? ""] ?? { label: field, unit: "count" as Unit, better: 0 };
  const number = (value: number | null | undefined) => value ?? null;
  return {
    field,
    label: currency && field.includes(".") ? `${known.label}, ${currency}` : known.label,
    unit: known.unit,
    better: known.better,
    value: number(compared.value),
    before: number(compared.before),
    change: number(compared.change),
    percent: number(compared.change_percent),
    currency,
  };
}

function Change({ of }: { of: Row }) {
  if (of.change === null) return <>–</>;
  const tone = Math.sign(of.change) * of.better;
  const size =
    of.unit === "percent"
      ? `${Math.abs(of.change).toLocaleString()} pt`
      : shown(of.unit, Math.abs(of.change), of.currency);
  const mark = of.change > 0 ? "▲" : of.change < 0 ? "▼" : "=";
  return (
    <span class={`delta ${tone > 0 ? "good" : tone < 0 ? "bad" : ""}`}>
      {mark} <span class="unseen">{of.change > 0 ? "up" : of.change < 0 ? "down" : "unchanged"}</span> {size}
      {of.percent !== null && ` (${Math.abs(of.percent).toLocaleString(undefined, { maximumFractionDigits: 1 })} %)`}
    </span>
  );
}

export function FigureTable({ id, figures }: { id: string; figures: Figures }) {
  return (
    <>
      {GROUPS.map(([group, fields]) => {
        const rows = fields.map((field) => row(field, figures[field] as Compared, figures.currency ?? null));
        if (group === "Calls")
          rows.push(
            ...Object.entries(figures.ad_spend_minor).map(([currency, compared]) =>
              row(`ad_spend_minor.${currency}`, compared, currency),
            ),
          );
        return (
          <section key={group} aria-label={group}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{group}</th>
                  <th scope="col" class="n">
                    This period
                  </th>
                  <th scope="col" class="n">
                    Before
                  </th>
                  <th scope="col" class="n">
                    Change
                  </th>
                </tr>
              </thead>
              <tbody>
                {rows.map((item) => (
                  <tr key={item.field}>
                    <th scope="row">{item.label}</th>
                    <td class="n">
                      <FigureLink
                        figure={{ model: "reports", field: `${item.field}.value`, selection: { report_id: id } }}
                      >
                        {shown(item.unit, item.value, item.currency)}
                      </FigureLink>
                    </td>
                    <td class="n">{shown(item.unit, item.before, item.currency)}</td>
                    <td class="n">
                      <Change of={item} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        );
      })}
    </>
  );
}
