/** One delivery in quarantine: its reason, what would change it, its payload as it came, and what became of it. */
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Dialog } from "../../components/Dialog";
import { Failure } from "../../components/Failure";
import { Members } from "../../components/Members";
import { pageAddress } from "../../components/Navigation";
import { Payload } from "../../components/Payload";
import { Skeleton } from "../../components/Skeleton";
import { instant, providerName, words } from "../../format";
import { back, withQuery } from "../../state/router";
import { zone } from "../../state/session";
import { Retry } from "./Retry";

export function HeldView({ id }: { id: string }) {
  const { data, error, reload } = useRead("/api/v1/tenants/{tenant}/quarantine/{quarantine_id}", { quarantine_id: id });
  return (
    <Dialog side name="Delivery in quarantine" close={() => back(withQuery({ held: null }))}>
      {error && !data ? (
        <Failure problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={8} />
      ) : (
        <>
          <p>
            <Badge state={data.state} /> {words(data.reason)}
          </p>
          {data.remedy && data.state === "open" && (
            <p>
              What would change it: <bdi>{data.remedy}</bdi>
            </p>
          )}
          <Members
            members={[
              ["Received", instant(data.received_at, zone.value)],
              ["Provider", providerName(data.provider)],
              ["Endpoint", <code>{data.endpoint}</code>],
              [
                "Kept as",
                <a href={pageAddress(`facts/${data.fact_position}`)}>fact {data.fact_position.toLocaleString()}</a>,
              ],
              [
                "Resolved",
                data.resolved_at
                  ? `${instant(data.resolved_at, zone.value)} by ${data.resolved_by ?? "a redelivery"}`
                  : null,
              ],
              ["Outcome", data.outcome ? words(data.outcome) : null],
              [
                "Facts",
                data.facts.length > 0
                  ? data.facts.map((position) => (
                      <a key={position} class="listed" href={pageAddress(`facts/${position}`)}>
                        fact {position.toLocaleString()}
                      </a>
                    ))
                  : null,
              ],
            ]}
          />
          <Retry held={data} />
          <Payload position={data.fact_position} heading="Payload" />
        </>
      )}
    </Dialog>
  );
}
