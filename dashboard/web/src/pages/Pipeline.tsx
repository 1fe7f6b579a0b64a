/** The pipeline of the CRM: its value by stage, in the workspace's order of stages. */
import { useCallback } from "preact/hooks";
import { useRead } from "../api/use_read";
import type { Colours } from "../charts/colours";
import { barOption } from "../charts/options";
import { Card, CardSkeleton } from "../components/Card";
import { Chart } from "../components/Chart";
import { Empty } from "../components/Empty";
import { Failure } from "../components/Failure";
import { FigureLink } from "../components/FigureLink";
import { Head } from "../components/Head";
import { Table } from "../components/Table";
import { FIGURES, shown } from "../figures";
import { count, money, percent } from "../format";
import { tenant } from "../state/session";
import { explain } from "../why";

const FIELDS = ["total_value_minor", "stage_count", "average_deal_minor", "weighted_value_minor"] as const;

export default function Pipeline() {
  const { data, error, loading, reload } = useRead("/api/v1/tenants/{tenant}/pipeline");
  const stages = data?.stages ?? [];
  const currency = data?.currency ?? null;
  const bars = useCallback(
    (tones: Colours) =>
      barOption(
        tones,
        stages.map((item) => ({ name: item.stage, value: item.value_minor })),
        (value) => money(value, currency),
      ),
    [data],
  );
  return (
    <>
      <Head title="Pipeline" />
      {error && !data ? (
        <Failure problem={error} retry={reload} />
      ) : data && !data.observed_at ? (
        <Empty
          title="No opportunities yet"
          command="[tenant.clienttether] in factfold.toml, then: factfold sync run --source clienttether"
        >
          The value of each stage will stand here after the first sync of the CRM.
        </Empty>
      ) : (
        <>
          <section class="cards few" aria-label="Figures">
            {FIELDS.map((field) => {
              const figure = FIGURES[field];
              if (!figure) return null;
              if (!data) return <CardSkeleton key={field} label={figure.label} />;
              return (
                <Card
                  key={field}
                  label={figure.label}
                  value={shown(figure.unit, data[field], currency)}
                  figure={{ model: "pipeline", field, selection: {} }}
                  unknown="unknown without a deal that has a value"
                  loading={loading}
                />
              );
            })}
          </section>
          {data && (
            <div class="stack">
              <Chart
                title="Value by stage"
                description="Value of the deals in each stage, in the order of the stages."
                axis="Stage"
                labels={stages.map((item) => item.stage)}
                series={[
                  {
                    name: "Value",
                    values: stages.map((item) => item.value_minor),
                    show: (value) => money(value, currency),
                  },
                ]}
                option={bars}
                height={Math.max(160, stages.length * 30 + 20)}
                pick={(index) =>
                  stages[index] &&
                  explain({ model: "pipeline", field: "value_minor", selection: { stage: stages[index].stage } })
                }
                file={`${tenant.value}-pipeline`}
              />
              <section aria-label="Stages">
                <header class="section-head">
                  <h2>Stages</h2>
                </header>
                <Table title="Stages" head={[["Stage"], ["Deals", "n"], ["Value", "n"], ["Likelihood", "n"]]}>
                  {stages.map((item) => (
                    <tr key={item.stage}>
                      <th scope="row">
                        <bdi>{item.stage}</bdi>
                      </th>
                      <td class="n">
                        <FigureLink figure={{ model: "pipeline", field: "count", selection: { stage: item.stage } }}>
                          {count(item.count)}
                        </FigureLink>
                      </td>
                      <td class="n">
                        <FigureLink
                          figure={{ model: "pipeline", field: "value_minor", selection: { stage: item.stage } }}
                        >
                          {money(item.value_minor, currency)}
                        </FigureLink>
                      </td>
                      <td class="n">{percent(item.likelihood_percent)}</td>
                    </tr>
                  ))}
                </Table>
              </section>
            </div>
          )}
        </>
      )}
    </>
  );
}
