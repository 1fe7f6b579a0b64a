/** The change of a figure against another one of its kind; coloured by better and worse, not by up and down. */

export interface DeltaProps {
  now: number | null;
  before: number | null;
  better: 1 | -1 | 0;
  /** What is compared with, such as "September 2025". */
  against: string;
  /** The earlier value as text. */
  beforeText: string;
  /** Whether both are percents, whose difference is in points. */
  points?: boolean;
}

function difference({ now, before, points }: DeltaProps): { text: string; sign: number } | null {
  if (now === null || before === null) return null;
  const sign = Math.sign(now - before);
  const size = points ? Math.abs(now - before) : before === 0 ? null : Math.abs((now - before) / before) * 100;
  if (size === null) return sign === 0 ? { text: "0 %", sign } : null;
  const text = size.toLocaleString(undefined, { maximumFractionDigits: size < 10 ? 1 : 0 });
  return { text: `${text} ${points ? "pt" : "%"}`, sign };
}

export function Delta(props: DeltaProps) {
  const found = difference(props);
  const title = `${props.against}: ${props.beforeText}`;
  if (!found) return null;
  const judged = found.sign * props.better;
  const mark = found.sign > 0 ? "▲" : found.sign < 0 ? "▼" : "=";
  const words =
    found.sign === 0
      ? `unchanged on ${props.against}`
      : `${found.sign > 0 ? "up" : "down"} ${found.text} on ${props.against}`;
  return (
    <span class={`delta ${judged > 0 ? "good" : judged < 0 ? "bad" : ""}`} title={title}>
      <span aria-hidden="true">
        {mark} {found.text}
      </span>
      <span class="unseen">, {words}, </span>
    </span>
  );
}
