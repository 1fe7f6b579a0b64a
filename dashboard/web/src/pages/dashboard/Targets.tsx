/** The month's targets with their pace. */
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Bar } from "../../components/Bar";
import { Empty } from "../../components/Empty";
import { FigureLink } from "../../components/FigureLink";
import { pageAddress } from "../../components/Navigation";
import { Section } from "../../components/Section";
import { count, words } from "../../format";
import { may } from "../../state/session";

export function Targets({ month }: { month: string }) {
  const reading = useRead("/api/v1/tenants/{tenant}/metrics/month", {}, { month });
  return (
    <Section title="Targets" reading={reading}>
      {(data) => {
        const rows = Object.entries(data.targets);
        if (rows.length === 0) {
          return (
            <Empty title="No targets for this month">
              Targets for qualified calls, emails sent and positive replies will stand here with their pace.{" "}
              {may("operator") && <a href={pageAddress("settings")}>Set them in Settings</a>}
            </Empty>
          );
        }
        return (
          <ul class="targets">
            {rows.map(([metric, target]) => (
              <li key={metric}>
                <span class="target-head">
                  <span>{words(metric)}</span>
                  <Badge state={target.status} />
                  <span class="grow" />
                  <span class="n">
                    <FigureLink figure={{ model: "targets", field: "value", selection: { month: data.month, metric } }}>
                      {count(target.value)}
                    </FigureLink>{" "}
                    of {count(target.target)}
                  </span>
                </span>
                <Bar percent={target.progress ?? null} />
                <span class="soft">
                  {target.projection !== null &&
                    target.projection !== undefined &&
                    `at this pace ${count(target.projection)}`}
                  {target.daily_target !== null &&
                    target.daily_target !== undefined &&
                    ` · today ${count(target.today)} of ${count(target.daily_target)} `}
                  {target.daily_status && <Badge state={target.daily_status} />}
                </span>
              </li>
            ))}
          </ul>
        );
      }}
    </Section>
  );
}
