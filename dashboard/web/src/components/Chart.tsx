/** A chart with a description, points that arrow keys reach, and the same numbers as a table with CSV. */
import type { ComponentChildren } from "preact";
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Colours, colours } from "../charts/colours";
import { download } from "../charts/csv";
import { UNKNOWN, count } from "../format";
import { painted } from "../state/theme";
import { Skeleton } from "./Skeleton";

export interface Series {
  name: string;
  values: (number | null)[];
  /** The custom property of its colour, where it is not that of its place. */
  tone?: string;
  /** How a value is written. */
  show?: (value: number | null) => string;
}

export interface ChartProps {
  title: string;
  /** One sentence for those who do not see it. */
  description: string;
  /** What the first column of the table holds, and its values. */
  axis: string;
  labels: string[];
  series: Series[];
  option: (colours: Colours) => EChartsCoreOption;
  height?: number;
  /** Opens what a point stands for: the index of its label and its series. */
  pick?: (label: number, series: number) => void;
  /** Beside the heading. */
  aside?: ComponentChildren;
  /** Of the file. */
  file: string;
  stale?: boolean;
}

const text = (series: Series, index: number) => (series.show ?? count)(series.values[index] ?? null);

function Drawing({ title, description, labels, series, option, height = 240, pick }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const [ready, setReady] = useState(false);
  const [lost, setLost] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const picked = useRef(pick);
  picked.current = pick;
  useEffect(() => {
    let alive = true;
    let watcher: ResizeObserver | null = null;
    const loaded = ({ init }: typeof import("../charts/echarts")) => {
      if (!alive || !place.current) return;
      const made = init(place.current, null, { renderer: "svg" });
      chart.current = made;
      made.on("click", (event) => picked.current?.(Number(event.dataIndex ?? 0), Number(event.seriesIndex ?? 0)));
      watcher = new ResizeObserver(() => made.resize());
      watcher.observe(place.current);
      setReady(true);
    };
    import("../charts/echarts").then(loaded, () => alive && setLost(true));
    return () => {
      alive = false;
      watcher?.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);
  const paint = painted.value;
  useEffect(() => {
    const tones = colours();
    chart.current?.setOption(
      {
        animation: false,
        textStyle: { fontFamily: "system-ui, sans-serif", color: tones.soft, fontSize: 12 },
        color: tones.series,
        aria: { enabled: true, label: { description }, decal: { show: series.filter((one) => !one.tone).length > 2 } },
        ...option(tones),
      },
      { notMerge: true },
    );
  }, [ready, paint, option]);
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const next = Math.max(0, Math.min(labels.length - 1, (at ?? (step > 0 ? -1 : labels.length)) + step));
      setAt(next);
      chart.current?.dispatchAction({ type: "showTip", seriesIndex: 0, dataIndex: next });
    } else if ((event.key === "Enter" || event.key === " ") && at !== null && pick) {
      event.preventDefault();
      pick(at, 0);
    }
  };
  const said = at === null ? "" : `${labels[at]}: ${series.map((one) => `${one.name} ${text(one, at)}`).join(", ")}`;
  return (
    <div
      class="drawing"
      role="group"
      aria-label={`${title}. Arrow keys read its points${pick ? ", Enter explains one" : ""}.`}
      tabIndex={0}
      onKeyDown={move}
      onBlur={() => chart.current?.dispatchAction({ type: "hideTip" })}
    >
      <div ref={place} style={{ height: `${height}px` }} />
      {lost && <p class="soft">The chart could not be loaded. Its numbers are there as a table.</p>}
      {!ready && !lost && <Skeleton lines={5} held />}
      <span class="unseen" aria-live="polite">
        {said}
      </span>
    </div>
  );
}

export function Chart(props: ChartProps) {
  const [asTable, setAsTable] = useState(false);
  const { title, axis, labels, series, file, pick } = props;
  const rows = () => [
    [axis, ...series.map((one) => one.name)],
    ...labels.map((label, index) => [label, ...series.map((one) => one.values[index] ?? null)]),
  ];
  return (
    <section class={`chart ${props.stale ? "stale" : ""}`} aria-label={title}>
      <header class="section-head">
        <h2>{title}</h2>
        {series.length > 1 && !asTable && (
          <ul class="legend" aria-hidden="true">
            {series.map((one, index) => (
              <li key={one.name}>
                <i style={{ background: `var(--${one.tone ?? `series-${index + 1}`})` }} />
                {one.name}
              </li>
            ))}
          </ul>
        )}
        {props.aside}
        <span class="grow" />
        {asTable && (
          <button class="link" onClick={() => download(`${file}.csv`, rows())}>
            Download CSV
          </button>
        )}
        <button class="link" onClick={() => setAsTable(!asTable)}>
          {asTable ? "Show as chart" : "Show as table"}
        </button>
      </header>
      {asTable ? (
        <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">{axis}</th>
                {series.map((one) => (
                  <th key={one.name} scope="col" class="n">
                    {one.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {labels.map((label, index) => (
                <tr key={label}>
                  <th scope="row">
                    <bdi>{label}</bdi>
                  </th>
                  {series.map((one, number) => (
                    <td key={one.name} class="n">
                      {pick && !one.tone && one.values[index] !== null ? (
                        <button class="link figure" data-why onClick={() => pick(index, number)}>
                          {text(one, index)}
                        </button>
                      ) : (
                        text(one, index) || UNKNOWN
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <Drawing {...props} />
      )}
    </section>
  );
}
