/** Agents by calls, for a day, a week or a month, against the daily goal. */
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Bar } from "../../components/Bar";
import { Empty } from "../../components/Empty";
import { FigureLink } from "../../components/FigureLink";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { shownMonth, currentMonth } from "../../components/MonthPicker";
import { count, duration, lastDay, percent } from "../../format";
import { query, setQuery } from "../../state/router";
import { Change, comparison, useCompared } from "./Compare";

type Item = Answer<"/api/v1/tenants/{tenant}/leaderboard">["items"][number];

const PERIODS = ["day", "week", "month"] as const;

export function Leaderboard() {
  const given = query.value.get("board");
  const period = PERIODS.find((known) => known === given) ?? "month";
  const month = shownMonth();
  const date = month === currentMonth() ? undefined : lastDay(month);
  const reading = useRead("/api/v1/tenants/{tenant}/leaderboard", {}, { period, ...(date && { date }) });
  // A month is compared with the month that the page is compared with; a day and a week stand for themselves.
  const compared = useCompared(month);
  const compares = comparison() !== "none" && period === "month";
  const figure = (item: Item, field: "calls" | "connected" | "pickups") => (
    <td class="n">
      <FigureLink
        figure={{ model: "leaderboard", field, selection: { period, agent: item.agent, ...(date && { date }) } }}
      >
        {count(item[field])}
      </FigureLink>
    </td>
  );
  const choice = (
    <span class="segments" role="group" aria-label="Period">
      {PERIODS.map((known) => (
        <button
          key={known}
          aria-pressed={known === period}
          onClick={() => setQuery({ board: known === "month" ? null : known })}
        >
          {known.charAt(0).toUpperCase() + known.slice(1)}
        </button>
      ))}
    </span>
  );
  return (
    <Section title="Agents" reading={reading} aside={choice}>
      {(data) =>
        data.items.length === 0 ? (
          <Empty title="No calls by agents in this period">
            Each agent who makes or takes calls will stand here, by calls.
          </Empty>
        ) : (
          <Table
            title="Agents"
            head={[
              ["Agent"],
              ["Calls", "n"],
              ...(compares ? ([["Change", "n"]] as const) : []),
              ["Connected", "n"],
              ["Pickups", "n"],
              ["Talk", "n"],
              [`Goal ${count(data.daily_call_goal)} a day`],
            ]}
          >
            {data.items.map((item) => (
              <tr key={item.agent}>
                <th scope="row">
                  <bdi>{item.agent}</bdi>
                </th>
                {figure(item, "calls")}
                {compares && (
                  <td class="n small change">
                    <Change of={compared} figure="calls" agent={item.agent} better={1} />
                  </td>
                )}
                {figure(item, "connected")}
                {figure(item, "pickups")}
                <td class="n">{duration(item.talk_seconds)}</td>
                <td title={percent(item.goal_progress)}>
                  <Bar percent={item.goal_progress ?? null} />
                  <span class="unseen">{percent(item.goal_progress)}</span>
                </td>
              </tr>
            ))}
          </Table>
        )
      }
    </Section>
  );
}
