/** Calls and qualified calls of each day of the month. */
import { useCallback } from "preact/hooks";
import { useRead } from "../../api/use_read";
import type { Colours } from "../../charts/colours";
import { Chart } from "../../components/Chart";
import { Failure } from "../../components/Failure";
import { pageAddress } from "../../components/Navigation";
import { currentDay } from "../../components/MonthPicker";
import { Skeleton } from "../../components/Skeleton";
import { lastDay, localDate, monthName } from "../../format";
import { may, tenant, zone } from "../../state/session";
import { explain } from "../../why";
import { useCompared } from "./Compare";

/** The calls of a day that had come by then. */
const upTo = (last: string, day: { date: string; calls: number } | undefined) =>
  day && day.date <= last ? day.calls : null;

export function DayChart({ month }: { month: string }) {
  const days = useRead("/api/v1/tenants/{tenant}/metrics/days", {}, { from: `${month}-01`, to: lastDay(month) });
  const against = useCompared(month)?.against ?? null;
  const other = against?.month ?? month;
  const span = { from: `${other}-01`, to: lastDay(other), ...against?.moment };
  const before = useRead("/api/v1/tenants/{tenant}/metrics/days", {}, span, against === null);
  const restated = useRead("/api/v1/tenants/{tenant}/restatements", {}, { month, limit: 500 });
  const items = days.data?.items ?? [];
  // Day by day of the month: a shorter one has gaps at its end.
  const compared = against && !before.loading && before.data ? before.data.items : null;
  const until = against?.moment.occurred_until;
  const last = until ? localDate(new Date(until), zone.value) : "9999";
  const then = compared && items.map((_, index) => upTo(last, compared[index]));
  const today = currentDay();
  const values = (field: "calls" | "qualified") => items.map((day) => (day.date > today ? null : day[field]));
  const data = days.data;
  const option = useCallback(
    (tones: Colours) => ({
      grid: { left: 0, right: 4, top: 12, bottom: 0, containLabel: true },
      tooltip: {
        trigger: "axis",
        renderMode: "richText",
        axisPointer: { type: "shadow" },
        backgroundColor: tones.raise,
        borderColor: tones.rule,
        textStyle: { color: tones.ink, fontSize: 12 },
      },
      xAxis: {
        type: "category",
        data: items.map((day) => String(Number(day.date.slice(8)))),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: tones.rule } },
        axisLabel: { color: tones.soft },
      },
      yAxis: {
        type: "value",
        min: 0,
        minInterval: 1,
        splitNumber: 3,
        splitLine: { lineStyle: { color: tones.rule } },
        axisLabel: { color: tones.soft },
      },
      series: [
        {
          name: "All calls",
          type: "bar",
          barGap: "-100%",
          barMaxWidth: 18,
          itemStyle: { color: tones.series[0] },
          data: values("calls"),
        },
        {
          name: "Qualified",
          type: "bar",
          barMaxWidth: 18,
          itemStyle: { color: tones.series[1] },
          data: values("qualified"),
        },
        ...(then
          ? [
              {
                name: against?.name ?? "",
                type: "line",
                symbol: "none",
                lineStyle: { color: tones.soft, width: 1.5, type: "dashed" },
                itemStyle: { color: tones.soft },
                data: then,
              },
            ]
          : []),
      ],
    }),
    [data, compared, against?.name, today],
  );
  if (days.error && !data) return <Failure problem={days.error} retry={days.reload} />;
  if (!data) return <Skeleton lines={9} />;
  const isRestated = restated.data?.items.some((item) => /^(calls|qualified)$/.test(item.figure));
  const ledger = `${pageAddress("audit").split("?")[0]}?view=restatements&month=${month}`;
  const field = (series: number) => (series === 1 ? "qualified" : "calls");
  return (
    <Chart
      title="Calls by day"
      description={`Calls by day, ${monthName(month)}: all calls, and qualified ones among them.`}
      axis="Day"
      labels={items.map((day) => day.date)}
      series={[
        { name: "All calls", values: values("calls") },
        { name: "Qualified", values: values("qualified") },
        ...(then ? [{ name: against?.name ?? "", values: then, tone: "soft" }] : []),
      ]}
      option={option}
      pick={(label, series) => {
        const day = items[label];
        if (day && series < 2) explain({ model: "days", field: field(series), selection: { day: day.date } });
      }}
      file={`${tenant.value}-calls-by-day-${month}`}
      aside={isRestated && (may("auditor") ? <a href={ledger}>restated</a> : <span>restated</span>)}
      stale={days.loading}
    />
  );
}
