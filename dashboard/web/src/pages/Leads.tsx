/** Leads of the CRM: how many, from where, in which status. */
import { useCallback } from "preact/hooks";
import { useRead } from "../api/use_read";
import type { Colours } from "../charts/colours";
import { Card, CardSkeleton } from "../components/Card";
import { Chart } from "../components/Chart";
import { Empty } from "../components/Empty";
import { Failure } from "../components/Failure";
import { Head } from "../components/Head";
import { FIGURES } from "../figures";
import { count } from "../format";
import { tenant } from "../state/session";
import { explain } from "../why";
import { barOption, pieOption, topSlices } from "../charts/options";

const FIELDS = ["total_leads", "qualified_leads", "source_count"] as const;

export default function Leads() {
  const reading = useRead("/api/v1/tenants/{tenant}/leads/summary");
  const { data, error, loading, reload } = reading;
  const sources = topSlices((data?.by_source ?? []).map((item) => ({ name: item.source, value: item.leads })));
  const statuses = topSlices((data?.by_status ?? []).map((item) => ({ name: item.status, value: item.leads })));
  const bars = useCallback((tones: Colours) => barOption(tones, sources), [data]);
  const pie = useCallback((tones: Colours) => pieOption(tones, statuses), [data]);
  return (
    <>
      <Head title="Leads" />
      {error && !data ? (
        <Failure problem={error} retry={reload} />
      ) : data && !data.observed_at ? (
        <Empty
          title="No leads yet"
          command="[tenant.clienttether] in factfold.toml, then: factfold sync run --source clienttether"
        >
          Leads by source and status will stand here after the first sync of the CRM.
        </Empty>
      ) : (
        <>
          <section class="cards few" aria-label="Figures">
            {FIELDS.map((field) => {
              const label = FIGURES[field]?.label ?? field;
              return data ? (
                <Card
                  key={field}
                  label={label}
                  value={count(data[field])}
                  figure={{ model: "leads", field, selection: {} }}
                  loading={loading}
                />
              ) : (
                <CardSkeleton key={field} label={label} />
              );
            })}
          </section>
          {data && (
            <div class="halves">
              <Chart
                title="Leads by source"
                description="Leads by source, most first."
                axis="Source"
                labels={sources.map((item) => item.name)}
                series={[{ name: "Leads", values: sources.map((item) => item.value) }]}
                option={bars}
                height={Math.max(160, sources.length * 32 + 30)}
                pick={(index) =>
                  sources[index] &&
                  !sources[index].rest &&
                  explain({ model: "leads", field: "leads", selection: { source: sources[index].name } })
                }
                file={`${tenant.value}-leads-by-source`}
              />
              <Chart
                title="Leads by status"
                description="Leads by status, most first."
                axis="Status"
                labels={statuses.map((item) => item.name)}
                series={[{ name: "Leads", values: statuses.map((item) => item.value) }]}
                option={pie}
                height={300}
                pick={(index) =>
                  statuses[index] &&
                  !statuses[index].rest &&
                  explain({ model: "leads", field: "leads", selection: { status: statuses[index].name } })
                }
                file={`${tenant.value}-leads-by-status`}
              />
            </div>
          )}
        </>
      )}
    </>
  );
}
