/** One conflict: both contents side by side, and the trail from the first fact to the decision. */
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Dialog } from "../../components/Dialog";
import { Failure } from "../../components/Failure";
import { Members } from "../../components/Members";
import { pageAddress } from "../../components/Navigation";
import { Skeleton } from "../../components/Skeleton";
import { Table } from "../../components/Table";
import { UNKNOWN, instant } from "../../format";
import { back, withQuery } from "../../state/router";
import { zone } from "../../state/session";
import { Decision } from "./Decision";

const told = (value: unknown) =>
  value === null || value === undefined ? UNKNOWN : typeof value === "object" ? JSON.stringify(value) : String(value);

export function ConflictView({ id }: { id: number }) {
  const { data, error, reload } = useRead("/api/v1/tenants/{tenant}/conflicts/{conflict_id}", { conflict_id: id });
  const fact = (position: number) => <a href={pageAddress(`facts/${position}`)}>fact {position.toLocaleString()}</a>;
  return (
    <Dialog side name="Conflict" close={() => back(withQuery({ conflict: null }))}>
      {error && !data ? (
        <Failure problem={error} retry={reload} />
      ) : !data ? (
        <Skeleton lines={8} />
      ) : (
        <>
          <p class="target-head">
            <Badge state={data.state} /> {data.kind} <span class="grow" /> <Decision conflict={data} />
          </p>
          <Table title="Differences" head={[["Member"], ["First"], ["Second"]]}>
            {data.diff.map((one) => (
              <tr key={one.pointer}>
                <th scope="row">
                  <code>{one.pointer}</code>
                </th>
                <td>
                  <bdi>{told(one.first)}</bdi>
                </td>
                <td>
                  <bdi>{told(one.second)}</bdi>
                </td>
              </tr>
            ))}
          </Table>
          <Members
            members={[
              ["First came", fact(data.first_position)],
              ["Stands", fact(data.stands_position)],
              [
                "Observed",
                <>
                  {instant(data.observed_at, zone.value)}, kept as {fact(data.conflict_id)}
                </>,
              ],
              ["Came", `${data.count.toLocaleString()} × since ${instant(data.counted_since, zone.value)}`],
              [
                "Decided",
                data.decided_at ? `${instant(data.decided_at, zone.value)} by ${data.decided_by ?? UNKNOWN}` : null,
              ],
              ["Decision", data.decision_position ? fact(data.decision_position) : null],
              ["First digest", <code>{data.first_digest}</code>],
              ["Second digest", <code>{data.second_digest}</code>],
            ]}
          />
        </>
      )}
    </Dialog>
  );
}
