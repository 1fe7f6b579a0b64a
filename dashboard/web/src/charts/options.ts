/** Options that several charts share. */
import type { EChartsCoreOption } from "echarts/core";
import type { Colours } from "./colours";

/** Most series or slices; the rest are one. */
const MOST = 8;

export interface Slice {
  name: string;
  value: number;
  /** Whether it stands for several. */
  rest?: boolean;
}

/** The largest slices; the others together as "Other". */
export function topSlices(slices: Slice[]): Slice[] {
  const sorted = [...slices].sort((one, other) => other.value - one.value);
  if (sorted.length <= MOST) return sorted;
  const rest = sorted.slice(MOST - 1);
  return [
    ...sorted.slice(0, MOST - 1),
    { name: "Other", value: rest.reduce((sum, item) => sum + item.value, 0), rest: true },
  ];
}

export function tooltip(tones: Colours): object {
  return {
    renderMode: "richText",
    backgroundColor: tones.raise,
    borderColor: tones.rule,
    textStyle: { color: tones.ink, fontSize: 12 },
  };
}

/** A text that fits beside a bar. */
function fitting(text: string): string {
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}

/** Horizontal bars, the first at the top. */
export function barOption(tones: Colours, slices: Slice[], show?: (value: number) => string): EChartsCoreOption {
  const longest = Math.max(0, ...slices.map((item) => (show ? show(item.value) : item.value.toLocaleString()).length));
  return {
    grid: { left: 0, right: 12 + longest * 7, top: 4, bottom: 0, containLabel: true },
    tooltip: {
      ...tooltip(tones),
      trigger: "item",
      ...(show && { valueFormatter: (value: unknown) => show(Number(value)) }),
    },
    xAxis: { type: "value", axisLabel: { show: false }, splitLine: { show: false } },
    yAxis: {
      type: "category",
      inverse: true,
      data: slices.map((item) => item.name),
      axisLine: { lineStyle: { color: tones.rule } },
      axisTick: { show: false },
      axisLabel: { color: tones.ink, formatter: fitting },
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 18,
        itemStyle: { color: tones.series[1] },
        label: {
          show: true,
          position: "right",
          color: tones.ink,
          ...(show && { formatter: (event: { value: unknown }) => show(Number(event.value)) }),
        },
        data: slices.map((item) => item.value),
      },
    ],
  };
}

/** Below this width of the window a ring has its names below it. */
const NARROW = 600;

/** A ring with its names beside it. */
export function pieOption(tones: Colours, slices: Slice[]): EChartsCoreOption {
  const isNarrow = window.innerWidth < NARROW;
  const named = (name: string, value: number) => `${fitting(name)} ${value.toLocaleString()}`;
  const of = new Map(slices.map((item) => [item.name, item.value]));
  return {
    tooltip: { ...tooltip(tones), trigger: "item" },
    ...(isNarrow && {
      legend: {
        bottom: 0,
        textStyle: { color: tones.ink },
        formatter: (name: string) => named(name, of.get(name) ?? 0),
      },
    }),
    series: [
      {
        type: "pie",
        radius: isNarrow ? ["28%", "48%"] : ["40%", "64%"],
        center: ["50%", isNarrow ? "30%" : "50%"],
        itemStyle: { borderColor: tones.raise, borderWidth: 1 },
        label: {
          show: !isNarrow,
          color: tones.ink,
          width: 130,
          overflow: "truncate",
          formatter: (event: { name: string; value: unknown }) => named(event.name, Number(event.value)),
        },
        labelLine: { show: !isNarrow, lineStyle: { color: tones.rule } },
        data: slices.map((item) => ({ name: item.name, value: item.value })),
      },
    ],
  };
}
