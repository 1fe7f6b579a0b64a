/** The facts of a call, lead or session in the order in which they came. */
import type { ComponentChildren } from "preact";
import type { Answer } from "../api/client";
import { useRead } from "../api/use_read";
import { instant, shortId, words } from "../format";
import { zone } from "../state/session";
import { Failure } from "./Failure";
import { pageAddress } from "./Navigation";
import { Skeleton } from "./Skeleton";

type Fact = Answer<"/api/v1/tenants/{tenant}/facts/{position}">;

/** What a fact says in a line: the members that tell most. */
function gist(fact: Fact): string {
  const body = fact.body as Record<string, unknown>;
  const told = ["status", "outcome", "stage", "duration_seconds", "agent", "author", "reason"].flatMap((name) => {
    const value = body[name];
    if (value === null || value === undefined) return [];
    if (name === "duration_seconds") return [`${value} s`];
    return [name === "agent" || name === "author" ? String(value) : words(String(value))];
  });
  return told.slice(0, 4).join(" · ");
}

interface TimelineProps {
  subject: string;
  /** The fact that is looked at. */
  current?: number;
  /** What stands above them, where there are any. */
  heading?: ComponentChildren;
}

export function Timeline({ subject, current, heading }: TimelineProps) {
  const { data, error, reload } = useRead("/api/v1/tenants/{tenant}/facts", {}, { subject, order: "asc", limit: 100 });
  if (error && !data) return <Failure problem={error} retry={reload} />;
  if (!data) return <Skeleton lines={4} />;
  if (data.items.length === 0) return null;
  return (
    <section aria-label="Timeline">
      {heading}
      <ol class="timeline">
        {data.items.map((fact) => (
          <li key={fact.position} aria-current={fact.position === current ? "true" : undefined}>
            <a href={pageAddress(`facts/${fact.position}`)}>{fact.kind}</a>{" "}
            <code title={fact.external_id}>{shortId(fact.external_id)}</code>
            <div class="soft">
              {instant(fact.occurred_at, zone.value)} · <bdi>{gist(fact)}</bdi>
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}
