/** The change of a figure as it is served; coloured by better and worse, not by up and down. */
import type { Answer } from "../api/client";
import { figureOf, shown } from "../figures";

export type ComparedFigure = Answer<"/api/v1/tenants/{tenant}/metrics/compare">["items"][number];

export interface DeltaProps {
  compared: ComparedFigure;
  better: 1 | -1 | 0;
  /** What is compared with, such as "September 2025". */
  against: string;
}

/** Of percents the change is in points; else it is told in percent, where there is something to be a part of. */
function size({ unit, change, change_percent }: ComparedFigure): string | null {
  const told = unit === "percent" ? change : change_percent;
  if (told === null || told === undefined) return null;
  const magnitude = Math.abs(told);
  const text = magnitude.toLocaleString(undefined, { maximumFractionDigits: magnitude < 10 ? 1 : 0 });
  return `${text} ${unit === "percent" ? "pt" : "%"}`;
}

export function Delta({ compared, better, against }: DeltaProps) {
  const text = size(compared);
  if (text === null) return null;
  const sign = Math.sign(compared.change ?? 0);
  const judged = sign * better;
  const mark = sign > 0 ? "▲" : sign < 0 ? "▼" : "=";
  const words = sign === 0 ? `unchanged on ${against}` : `${sign > 0 ? "up" : "down"} ${text} on ${against}`;
  const { unit } = figureOf({ model: "month", field: compared.figure, selection: {} });
  const currency = /\.([A-Z]{3})$/.exec(compared.figure)?.[1];
  return (
    <span
      class={`delta ${judged > 0 ? "good" : judged < 0 ? "bad" : ""}`}
      title={`${against}: ${shown(unit, compared.before, currency)}`}
    >
      <span aria-hidden="true">
        {mark} {text}
      </span>
      <span class="unseen">, {words}, </span>
    </span>
  );
}
