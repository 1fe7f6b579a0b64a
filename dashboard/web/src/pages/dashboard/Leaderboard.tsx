/** Agents by calls, for a day, a week or a month, against the daily goal. */
import { useRead } from "../../api/use_read";
import { Bar } from "../../components/Bar";
import { Empty } from "../../components/Empty";
import { FigureLink } from "../../components/FigureLink";
import { Section } from "../../components/Section";
import { shownMonth, currentMonth } from "../../components/MonthPicker";
import { count, duration, lastDay, percent } from "../../format";
import { query, setQuery } from "../../state/router";

const PERIODS = ["day", "week", "month"] as const;

export function Leaderboard() {
  const given = query.value.get("board");
  const period = PERIODS.find((known) => known === given) ?? "month";
  const month = shownMonth();
  const date = month === currentMonth() ? undefined : lastDay(month);
  const reading = useRead("/api/v1/tenants/{tenant}/leaderboard", {}, { period, ...(date && { date }) });
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
          <div class="scroll" tabIndex={0} role="region" aria-label="Agents, table">
            <table>
              <thead>
                <tr>
                  <th scope="col">Agent</th>
                  <th scope="col" class="n">
                    Calls
                  </th>
                  <th scope="col" class="n">
                    Connected
                  </th>
                  <th scope="col" class="n">
                    Pickups
                  </th>
                  <th scope="col" class="n">
                    Talk
                  </th>
                  <th scope="col">Goal {count(data.daily_call_goal)} a day</th>
                </tr>
              </thead>
              <tbody>
                {data.items.map((item) => (
                  <tr key={item.agent}>
                    <th scope="row">
                      <bdi>{item.agent}</bdi>
                    </th>
                    {(["calls", "connected", "pickups"] as const).map((field) => (
                      <td key={field} class="n">
                        <FigureLink
                          figure={{
                            model: "leaderboard",
                            field,
                            selection: { period, agent: item.agent, ...(date && { date }) },
                          }}
                        >
                          {count(item[field])}
                        </FigureLink>
                      </td>
                    ))}
                    <td class="n">{duration(item.talk_seconds)}</td>
                    <td title={percent(item.goal_progress)}>
                      <Bar percent={item.goal_progress ?? null} />
                      <span class="unseen">{percent(item.goal_progress)}</span>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )
      }
    </Section>
  );
}
