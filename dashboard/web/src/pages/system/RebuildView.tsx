/** A rebuild under way: how far it is, what differs once it is ready, and the exchange. */
import { useEffect, useState } from "preact/hooks";
import { ask, here } from "../../api/ask";
import { type Answer, type Problem, problemOf, read } from "../../api/client";
import { useMore } from "../../api/use_more";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { Failure } from "../../components/Failure";
import { Skeleton } from "../../components/Skeleton";
import { Table } from "../../components/Table";
import { UNKNOWN, count, duration, monthName } from "../../format";
import { setQuery } from "../../state/router";
import { may } from "../../state/session";

type Rebuild = Answer<"/api/v1/projections/{name}/rebuild/{rebuild_id}">;
type Diff = NonNullable<Rebuild["diff"]>;

const ROUTE = "/api/v1/projections/{name}/rebuild/{rebuild_id}";
/** How often one that goes on is looked at, in milliseconds. */
const EVERY = 400;
const NONE: Diff["items"] = [];

const told = (value: unknown) =>
  value === null || value === undefined ? UNKNOWN : typeof value === "object" ? JSON.stringify(value) : String(value);

function Differences({ url, diff }: { url: string; diff: Diff }) {
  // What differs comes once, and its pages below the members of the rebuild.
  const { items, more, busy } = useMore<Diff["items"][number]>(
    url,
    diff.items ?? NONE,
    diff.next_cursor ?? null,
    "diff.items",
  );
  if (diff.rows + diff.figures === 0) return <p role="status">Nothing differs: both models are the same.</p>;
  return (
    <>
      <p role="status">
        {count(diff.rows)} {diff.rows === 1 ? "row differs" : "rows differ"}, {count(diff.figures)}{" "}
        {diff.figures === 1 ? "figure of a month differs" : "figures of months differ"}.
      </p>
      <Table title="Differences" head={[["Workspace"], ["What"], ["Live"], ["Rebuilt"]]}>
        {items.map((item, index) => (
          <tr key={index}>
            <th scope="row">
              <bdi>{item.tenant}</bdi>
            </th>
            <td>
              <bdi>{item.figure ? `${item.figure}, ${item.month ? monthName(item.month) : ""}` : item.row}</bdi>
            </td>
            <td>
              <code>{told(item.old)}</code>
            </td>
            <td>
              <code>{told(item.new)}</code>
            </td>
          </tr>
        ))}
      </Table>
      {more && (
        <button class="control" disabled={busy} onClick={more}>
          Load more
        </button>
      )}
    </>
  );
}

export function RebuildView({ name, id }: { name: string; id: string }) {
  const [data, setData] = useState<Rebuild | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [again, setAgain] = useState(0);
  const filling = { name, rebuild_id: id };
  const url = here(ROUTE, filling, { limit: 100 });
  useEffect(() => {
    let timer = 0;
    let alive = true;
    const look = async () => {
      try {
        const found = (await read(url)) as Rebuild;
        if (!alive) return;
        setData(found);
        if (["folding", "catching_up"].includes(found.state)) timer = window.setTimeout(() => void look(), EVERY);
      } catch (error) {
        if (alive) setProblem(problemOf(error));
      }
    };
    void look();
    return () => {
      alive = false;
      clearTimeout(timer);
    };
  }, [url, again]);
  const step = (what: "swap" | "discard") => async () => {
    const answer = await ask("post", `${ROUTE}/${what}`, { filling });
    setAgain(again + 1);
    return answer;
  };
  if (problem) return <Failure problem={problem} retry={() => setQuery({ rebuild: null }, true)} />;
  if (!data) return <Skeleton lines={4} />;
  const isUnderWay = data.state === "folding" || data.state === "catching_up";
  return (
    <section aria-label="Rebuild">
      <header class="section-head">
        <h2>Rebuild of {name === "all" ? "all models" : name}</h2>
        <Badge state={data.state} />
        <span class="grow" />
        {may("operator") && data.state === "ready" && (
          <>
            <Confirm label="Swap in" question="Swap the rebuilt model in?" control act={step("swap")}>
              <p>
                From one answer to the next, every reader sees the rebuilt model, whole. The former one is kept for an
                hour, and “Roll back” puts it in its place again.
              </p>
            </Confirm>
            <Confirm label="Discard" question="Discard the rebuilt model?" control act={step("discard")}>
              <p>It is given up, and the live model stays. It can be built again.</p>
            </Confirm>
          </>
        )}
        {!isUnderWay && data.state !== "ready" && (
          <button class="link" onClick={() => setQuery({ rebuild: null })}>
            Close
          </button>
        )}
      </header>
      {isUnderWay && (
        <>
          <progress
            class="progress"
            aria-label="Facts folded"
            max={Math.max(1, data.facts_total)}
            value={data.facts_done}
          />
          <p class="soft">
            {count(data.facts_done)} of {count(data.facts_total)} facts, {count(data.facts_per_second)} a second
            {data.eta_seconds !== null && data.eta_seconds !== undefined && `, ${duration(data.eta_seconds)} left`}
          </p>
        </>
      )}
      {data.error && <p class="refused">{data.error}</p>}
      {data.diff && <Differences url={url} diff={data.diff} />}
    </section>
  );
}
