/** One report: figures with their change on the period before, narrative, what was restated since, and its steps. */
import { useState } from "preact/hooks";
import { Problem, address, change } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Failure } from "../../components/Failure";
import { Head } from "../../components/Head";
import { Skeleton } from "../../components/Skeleton";
import { day, instant } from "../../format";
import { wrote } from "../../state/live";
import { isNow } from "../../state/moment";
import { withQuery } from "../../state/router";
import { may, tenant, workspace, zone } from "../../state/session";
import { periodName } from "../Reports";
import { FigureTable } from "./FigureTable";
import { RestatedSince } from "./RestatedSince";

function Steps({ id, status }: { id: string; status: string }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const step = async (name: "publish" | "withdraw") => {
    try {
      const answer = (await change(
        "POST",
        address(`/api/v1/tenants/{tenant}/reports/{report_id}/${name}`, { tenant: tenant.value ?? "", report_id: id }),
      )) as { position: number };
      setProblem(null);
      wrote(answer.position);
    } catch (error) {
      setProblem(error as Problem);
    }
  };
  return (
    <>
      {may("operator") && isNow.value && status === "draft" && (
        <button class="control primary" onClick={() => void step("publish")}>
          Publish
        </button>
      )}
      {may("operator") && isNow.value && status === "published" && (
        <button class="control" onClick={() => void step("withdraw")}>
          Withdraw
        </button>
      )}
      {status !== "withdrawn" && (
        <button class="control" onClick={() => window.print()}>
          Print
        </button>
      )}
      {problem && (
        <span class="refused" role="alert">
          {problem.detail || problem.title}
        </span>
      )}
    </>
  );
}

export function ReportView({ id }: { id: string }) {
  const { data, error, reload } = useRead("/api/v1/tenants/{tenant}/reports/{report_id}", { report_id: id });
  if (error && !data) return <Failure title="Reports" problem={error} retry={reload} />;
  return (
    <>
      <Head title="Reports">{data && <Steps id={id} status={data.status} />}</Head>
      <p class="no-print">
        <a href={withQuery({ report: null })}>All reports</a>
      </p>
      {!data ? (
        <Skeleton lines={14} />
      ) : (
        <article class="report stack sheet" aria-label={periodName(data.period)}>
          <header>
            <h2 class="report-title">
              <bdi>{workspace.value?.name}</bdi>, {periodName(data.period)}
            </h2>
            <p class="soft">
              {day(data.from)} to {day(data.to)}, {data.timezone} · <Badge state={data.status} />
              {data.published_at &&
                ` · published ${instant(data.published_at, zone.value)}, true at position ${data.as_of_position?.toLocaleString()}`}
              {data.withdrawn_at && ` · withdrawn ${instant(data.withdrawn_at, zone.value)}`}
            </p>
          </header>
          {data.narrative && (
            <p class="narrative">
              <bdi>{data.narrative}</bdi>
            </p>
          )}
          {data.figures && <FigureTable id={id} figures={data.figures} />}
          {data.status === "published" && data.kind === "monthly" && data.period && data.as_of_position && (
            <RestatedSince month={data.period} position={data.as_of_position} />
          )}
        </article>
      )}
    </>
  );
}
