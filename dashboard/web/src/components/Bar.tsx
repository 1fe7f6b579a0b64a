/** A share of a whole as a bar, beside the numbers that say it. */

export function Bar({ percent, tone }: { percent: number | null; tone?: string }) {
  const width = Math.max(0, Math.min(100, percent ?? 0));
  return (
    <span class={`bar-track ${percent === null ? "hatched" : ""}`} aria-hidden="true">
      <i class={tone ?? ""} style={{ width: `${width}%` }} />
    </span>
  );
}
