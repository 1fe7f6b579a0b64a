/** One fact: its members as people read them, where it counted, its subject's other facts, and what came in. */
import { address } from "../api/client";
import type { FactVerdict } from "../api/explain";
import { useAddress, useRead } from "../api/use_read";
import { Badge } from "../components/Badge";
import { Failure } from "../components/Failure";
import { FigureLink } from "../components/FigureLink";
import { Head } from "../components/Head";
import { Members } from "../components/Members";
import { pageAddress } from "../components/Navigation";
import { Payload } from "../components/Payload";
import { Skeleton } from "../components/Skeleton";
import { Timeline } from "../components/Timeline";
import { InLog } from "./fact/InLog";
import { VoidStep } from "./fact/VoidStep";
import { currencyIn, figureOf, shown } from "../figures";
import { UNKNOWN, capital, duration, instant, words } from "../format";
import { moment } from "../state/moment";
import { path } from "../state/router";
import { isGlobal, may, tenant, zone } from "../state/session";

/** Of a pair of name and value, both as one text; all else as it is. */
function named(item: unknown): unknown {
  const pair = (item ?? {}) as { name?: unknown; value?: unknown };
  return typeof pair.name === "string" && "value" in pair ? `${words(pair.name).toLowerCase()} ${pair.value}` : item;
}

/** A member's value as text. */
function told(name: string, value: unknown): string {
  if (value === null || value === undefined) return UNKNOWN;
  if (name.endsWith("_at") && typeof value === "string") return instant(value, zone.value);
  if (name.endsWith("_seconds") && typeof value === "number") return duration(value);
  if (typeof value === "boolean") return value ? "Yes" : "No";
  if (Array.isArray(value)) return value.map((item) => told(name, named(item))).join(", ");
  if (typeof value === "object") return JSON.stringify(value, null, 1);
  return String(value);
}

/** Members with those of members that have some, such as `lead email`. */
function flat(body: Record<string, unknown>, before = ""): [string, unknown][] {
  return Object.entries(body).flatMap(([name, value]): [string, unknown][] => {
    const isNested = value !== null && typeof value === "object" && !Array.isArray(value);
    return isNested ? flat(value as Record<string, unknown>, `${before}${name} `) : [[`${before}${name}`, value]];
  });
}

/** The name under which the list of facts finds what a fact is about. */
function subjectOf(body: Record<string, unknown>): string | null {
  for (const kind of ["call", "session", "note", "report"]) {
    const id = body[`${kind}_id`];
    if (typeof id === "string") return `${kind}/${id}`;
  }
  const lead = body.lead as Record<string, unknown> | undefined;
  const part = (value: unknown) =>
    String(value ?? "")
      .replace(/%/g, "%25")
      .replace(/\//g, "%2F");
  return typeof lead?.id === "string" ? `lead/${part(body.instance)}/${part(body.workspace)}/${lead.id}` : null;
}

type Figures = FactVerdict["figures"];

/** What the fact does to one figure, or why nothing. */
function Verdict({ of }: { of: Figures[number] }) {
  const { label, unit } = figureOf(of.figure);
  const state = (value: unknown) => (value === null || value === undefined ? UNKNOWN : words(String(value)));
  const sign = (of.delta ?? 0) < 0 ? "−" : "+";
  const does =
    of.counted === false
      ? of.reason
        ? capital(of.reason)
        : words(of.code)
      : typeof of.delta === "number"
        ? `${sign}${shown(unit, Math.abs(of.delta), currencyIn(of.figure.field))}`
        : `${state(of.before)} → ${state(of.after)}`;
  return (
    <tr>
      <th scope="row">{of.figure.field === "*" ? label : <FigureLink figure={of.figure}>{label}</FigureLink>}</th>
      <td>
        <bdi>{Object.values(of.figure.selection).join(" · ")}</bdi>
      </td>
      <td class={of.counted === false ? "soft" : "n"}>{does}</td>
    </tr>
  );
}

function Verdicts({ of }: { of: Figures }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Figure</th>
          <th scope="col">Of</th>
          <th scope="col" class="n">
            Adds
          </th>
        </tr>
      </thead>
      <tbody>
        {of.map((item, index) => (
          <Verdict key={index} of={item} />
        ))}
      </tbody>
    </table>
  );
}

/** Verdicts that most do not look for. */
function Others({ title, of }: { title: string; of: Figures }) {
  if (of.length === 0) return null;
  return (
    <details>
      <summary>
        <span>{title}</span>
        <span class="soft">{of.length}</span>
      </summary>
      <Verdicts of={of} />
    </details>
  );
}

function WhereItCounted({ position }: { position: number }) {
  const url = address(
    "/api/v1/tenants/{tenant}/explain/fact/{position}",
    { tenant: tenant.value ?? "", position },
    moment.value,
  );
  const { data, error } = useAddress<FactVerdict>(url);
  if (error) return error.status === 404 ? null : <Failure problem={error} />;
  if (!data) return <Skeleton lines={3} />;
  const counted = data.figures.filter((item) => item.counted !== false);
  const not = data.figures.filter((item) => item.counted === false);
  // The month's own figures are what most come from.
  const isOfMonth = ({ figure }: Figures[number]) => figure.model === "month" && !figure.selection.agent;
  const [first, rest] = [counted.filter(isOfMonth), counted.filter((item) => !isOfMonth(item))];
  const open = first.length > 0 ? first : counted.length > 0 ? counted : not;
  return (
    <section aria-label="Where it counted">
      <header class="section-head">
        <h2>Where it counted</h2>
      </header>
      <Verdicts of={open} />
      {open === first && <Others title="In figures of days, agents and others" of={rest} />}
      {open !== not && <Others title="What it does not change" of={not} />}
    </section>
  );
}

export default function Fact() {
  const position = Number(path.value.split("/")[4] ?? "");
  const { data, error, reload } = useRead("/api/v1/tenants/{tenant}/facts/{position}", { position });
  if (error && !data) return <Failure title="Fact" problem={error} retry={reload} />;
  const body = (data?.body ?? {}) as Record<string, unknown>;
  const subject = data ? subjectOf(body) : null;
  return (
    <>
      <Head title={`Fact ${Number.isFinite(position) ? position.toLocaleString() : ""}`} />
      {!data ? (
        <Skeleton lines={12} />
      ) : (
        <div class="two">
          <div>
            <section aria-label="Members">
              <header class="section-head">
                <h2>{data.kind}</h2>
                {data.voided && <Badge state="voided" />}
                {data.replaced_by && (
                  <span class="soft">
                    replaced by{" "}
                    <a href={pageAddress(`facts/${data.replaced_by}`)}>fact {data.replaced_by.toLocaleString()}</a>
                  </span>
                )}
              </header>
              {data.voided && (
                <p class="soft">
                  Voided by{" "}
                  <a href={pageAddress(`facts/${data.voided.position}`)}>
                    fact {data.voided.position.toLocaleString()}
                  </a>
                  {" on "}
                  {instant(data.voided.voided_at, zone.value)}
                  {data.voided.by && ` by ${data.voided.by}`}: <bdi>{data.voided.reason}</bdi>
                </p>
              )}
              <Members members={flat(body).map(([name, value]) => [words(name), told(name, value)])} />
            </section>
            <WhereItCounted position={data.position} />
            {may("auditor") && <Payload position={data.position} />}
          </div>
          <div>
            <section aria-label="Record">
              <header class="section-head">
                <h2>Record</h2>
              </header>
              <Members
                members={[
                  ["Position", data.position.toLocaleString()],
                  ["Provider", data.provider],
                  ["External id", <code>{data.external_id}</code>],
                  ["Occurred", instant(data.occurred_at, zone.value)],
                  ["Recorded", instant(data.recorded_at, zone.value)],
                  ["Digest", <code>{data.digest}</code>],
                  ["Leaf", (data.position - 1).toLocaleString()],
                  ["Time", data.time_source ? "the provider gave none: when it was received" : null],
                  [
                    "Replaces",
                    data.replaces ? (
                      <a href={pageAddress(`facts/${data.replaces}`)}>fact {data.replaces.toLocaleString()}</a>
                    ) : null,
                  ],
                ]}
              />
              {may("auditor") && (
                <div class="row steps no-print">
                  {isGlobal() && <InLog position={data.position} />}
                  <VoidStep fact={data} />
                </div>
              )}
            </section>
            {subject && (
              <Timeline
                subject={subject}
                current={data.position}
                heading={
                  <header class="section-head">
                    <h2>
                      Facts of <bdi>{subject}</bdi>
                    </h2>
                  </header>
                }
              />
            )}
          </div>
        </div>
      )}
    </>
  );
}
