/** What was sent and what came back, by day. */
import { useCallback } from "preact/hooks";
import { useRead } from "../../api/use_read";
import type { Colours } from "../../charts/colours";
import { tooltip } from "../../charts/options";
import { Card, CardSkeleton } from "../../components/Card";
import { Chart } from "../../components/Chart";
import { Failure } from "../../components/Failure";
import { currentDay } from "../../components/MonthPicker";
import { FIGURES, shown } from "../../figures";
import { lastDay, monthName } from "../../format";
import { tenant } from "../../state/session";
import { explain } from "../../why";

const CARDS = [
  "emails_sent",
  "replies",
  "interested",
  "positive_replies",
  "bounces",
  "unsubscribes",
  "reply_rate",
  "bounce_rate",
] as const;
const LINES = ["emails_sent", "replies", "interested", "bounces", "unsubscribes"] as const;

export function OutreachDays({ month }: { month: string }) {
  const now = useRead("/api/v1/tenants/{tenant}/metrics/month", {}, { month });
  const days = useRead("/api/v1/tenants/{tenant}/metrics/days", {}, { from: `${month}-01`, to: lastDay(month) });
  const items = days.data?.items ?? [];
  const today = currentDay();
  const values = (field: (typeof LINES)[number]) => items.map((day) => (day.date > today ? null : day[field]));
  const label = (field: string) => FIGURES[field]?.label ?? field;
  const option = useCallback(
    (tones: Colours) => ({
      grid: { left: 0, right: 4, top: 12, bottom: 0, containLabel: true },
      tooltip: { ...tooltip(tones), trigger: "axis" },
      xAxis: {
        type: "category",
        data: items.map((day) => String(Number(day.date.slice(8)))),
        axisTick: { show: false },
        axisLine: { lineStyle: { color: tones.rule } },
      },
      yAxis: { type: "value", min: 0, minInterval: 1, splitNumber: 3, splitLine: { lineStyle: { color: tones.rule } } },
      series: LINES.map((field, index) => ({
        name: label(field),
        type: index === 0 ? "bar" : "line",
        symbolSize: 4,
        barMaxWidth: 18,
        color: tones.series[index],
        data: values(field),
      })),
    }),
    [days.data, today],
  );
  if (now.error && !now.data) return <Failure problem={now.error} retry={now.reload} />;
  return (
    <>
      <section class="cards few" aria-label="Figures">
        {CARDS.map((field) =>
          now.data ? (
            <Card
              key={field}
              label={label(field)}
              value={shown(FIGURES[field]?.unit ?? "count", now.data[field])}
              figure={{ model: "month", field, selection: { month: now.data.month } }}
              unknown="unknown without emails sent"
              loading={now.loading}
            />
          ) : (
            <CardSkeleton key={field} label={label(field)} />
          ),
        )}
      </section>
      {days.error && !days.data && <Failure problem={days.error} retry={days.reload} />}
      {days.data && (
        <Chart
          title="Outreach by day"
          description={`Emails sent, replies, interested, bounces and unsubscribes by day, ${monthName(month)}.`}
          axis="Day"
          labels={items.map((day) => day.date)}
          series={LINES.map((field) => ({ name: label(field), values: values(field) }))}
          option={option}
          pick={(index, series) =>
            items[index] &&
            explain({ model: "days", field: LINES[series] ?? "emails_sent", selection: { day: items[index].date } })
          }
          file={`${tenant.value}-outreach-${month}`}
          stale={days.loading}
        />
      )}
    </>
  );
}
