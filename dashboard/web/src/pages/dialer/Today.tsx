/** One's own day: figures against the daily goal. */
import { useConfiguration } from "../../api/configuration";
import { useRead } from "../../api/use_read";
import { Bar } from "../../components/Bar";
import { Members } from "../../components/Members";
import { Section } from "../../components/Section";
import { count, duration, percent, words } from "../../format";

export function Today({ agent }: { agent: string }) {
  const today = useRead("/api/v1/tenants/{tenant}/metrics/agents/{agent}/today", { agent });
  const board = useRead("/api/v1/tenants/{tenant}/leaderboard", {}, { period: "day" });
  const configured = useConfiguration();
  const goal = board.data?.daily_call_goal ?? null;
  return (
    <Section title="Today" reading={today}>
      {(data) => (
        <>
          <p class="target-head">
            <span>
              {count(data.calls_made)} {goal !== null && `of ${count(goal)}`} calls
            </span>
          </p>
          <Bar percent={goal ? (data.calls_made / goal) * 100 : null} />
          <Members
            members={[
              ["Pickups", count(data.pickups)],
              ["Talk time", duration(data.talk_seconds)],
              ["Average call", duration(data.average_call_seconds)],
              ["Success rate", percent(data.success_rate)],
              ["Conversion rate", percent(data.conversion_rate)],
              ["Recording", configured ? (configured.body.recording ? "On: placed calls are recorded" : "Off") : null],
              ...Object.entries(data.outcomes)
                .filter(([, calls]) => calls > 0)
                .map(([outcome, calls]): [string, string] => [words(outcome), count(calls)]),
            ]}
          />
        </>
      )}
    </Section>
  );
}
