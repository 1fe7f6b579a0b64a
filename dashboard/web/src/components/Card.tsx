/** A figure: label, value, change on the period before, sparkline, target. It opens why it is so. */
import { UNKNOWN } from "../format";
import { type FigureName, explain, explained } from "../why";
import { Delta, type DeltaProps } from "./Delta";
import { Sparkline } from "./Sparkline";

export interface CardProps {
  label: string;
  value: string;
  /** The figure that a click explains. */
  figure: FigureName | null;
  delta?: DeltaProps | null;
  note?: string | undefined;
  spark?: (number | null)[] | undefined;
  restated?: boolean;
  /** Why the value is unknown. */
  unknown?: string;
  loading?: boolean;
}

export function Card({ label, value, figure, delta, note, spark, restated, unknown, loading }: CardProps) {
  const open = explained.value;
  const isOpen = !!figure && open?.model === figure.model && open.field === figure.field;
  const isUnknown = value === UNKNOWN;
  return (
    <button
      class={`card ${isOpen ? "open" : ""} ${loading ? "stale" : ""}`}
      title={isUnknown ? unknown : value.length > 11 ? value : undefined}
      data-why
      disabled={!figure}
      onClick={() => figure && explain(figure, value)}
    >
      <span class="label">
        {label}
        <span class="colon">:</span>
      </span>
      <span class="middle">
        <span class={`value ${value.length > 11 ? "long" : ""}`}>{value}</span>
        {spark && <Sparkline values={spark} />}
      </span>
      {isUnknown && unknown && <span class="unseen">, {unknown}</span>}
      {(delta !== undefined || note) && (
        <span class="foot">
          {delta && <Delta {...delta} />}
          {note && <span class="note">{note}</span>}
        </span>
      )}
      {restated && (
        <span class="mark" title="restated">
          <span class="sign" aria-hidden="true">
            ↺
          </span>
          <span class="word">restated</span>
        </span>
      )}
    </button>
  );
}

/** The card's place while its figure is being read; `foot` where there will be something below it. */
export function CardSkeleton({ label, foot }: { label: string; foot?: boolean }) {
  return (
    <div class="card" aria-busy="true">
      <span class="label">{label}</span>
      <span class="middle">
        <span class="value">
          <span class="ghost" />
        </span>
      </span>
      {foot && <span class="foot" />}
    </div>
  );
}
