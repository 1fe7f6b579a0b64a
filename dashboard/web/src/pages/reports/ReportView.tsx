/** One report: figures with their change on the period before, narrative, what was restated since, and its steps. */
import { ask } from "../../api/ask";
import { useCommand } from "../../api/use_command";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { Failure } from "../../components/Failure";
import { Head } from "../../components/Head";
import { Refused } from "../../components/Refused";
import { Skeleton } from "../../components/Skeleton";
import { day, instant } from "../../format";
import { isNow } from "../../state/moment";
import { withQuery } from "../../state/router";
import { may, workspace, zone } from "../../state/session";
import { periodName } from "../Reports";
import { FigureTable } from "./FigureTable";
import { Narrative } from "./Narrative";
import { RestatedSince } from "./RestatedSince";

function Steps({ id, status }: { id: string; status: string }) {
  const command = useCommand();
  const filling = { report_id: id };
  const canAct = may("operator") && isNow.value;
  const publish = () =>
    command.run(() => ask("post", "/api/v1/tenants/{tenant}/reports/{report_id}/publish", { filling }));
  return (
    <>
      {canAct && status === "draft" && (
        <button class="control primary" disabled={command.busy} onClick={() => void publish()}>
          Publish
        </button>
      )}
      {canAct && status === "published" && (
        <Confirm
          label="Withdraw"
          question="Withdraw the report?"
          control
          act={() => ask("post", "/api/v1/tenants/{tenant}/reports/{report_id}/withdraw", { filling })}
        >
          <p>
            It is shown as withdrawn, and stays as it was published. It cannot be published again; another report of the
            period can.
          </p>
        </Confirm>
      )}
      {status !== "withdrawn" && (
        <button class="control" onClick={() => window.print()}>
          Print
        </button>
      )}
      <Refused problem={command.problem} />
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
          <Narrative id={id} text={data.narrative ?? null} isDraft={data.status === "draft"} />
          {data.figures && <FigureTable id={id} figures={data.figures} />}
          {data.status === "published" && data.kind === "monthly" && data.period && data.as_of_position && (
            <RestatedSince month={data.period} position={data.as_of_position} />
          )}
        </article>
      )}
    </>
  );
}
