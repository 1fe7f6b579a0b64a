/** The log: facts by filters, the newest first, by position or key, followed live, as a file. */
import { useState } from "preact/hooks";
import { here } from "../../api/ask";
import { type Answer, read } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { TextFilter, filters } from "../../components/Filters";
import { pageAddress } from "../../components/Navigation";
import { Refused } from "../../components/Refused";
import { When } from "../../components/When";
import { shortId } from "../../format";
import { isNow } from "../../state/moment";
import { go, query, setQuery } from "../../state/router";
import { tenant } from "../../state/session";

type Fact = Answer<"/api/v1/tenants/{tenant}/facts">["items"][number];

const COLUMNS: Column<Fact>[] = [
  { title: "Position", heading: true, cell: (fact) => fact.position.toLocaleString() },
  { title: "Kind", cell: (fact) => fact.kind },
  { title: "Provider", cell: (fact) => fact.provider },
  { title: "External id", cell: (fact) => <code title={fact.external_id}>{shortId(fact.external_id)}</code> },
  { title: "Occurred", cell: (fact) => <When at={fact.occurred_at} /> },
  { title: "Recorded", cell: (fact) => <When at={fact.recorded_at} /> },
  { title: "Digest", cell: (fact) => <code>{fact.digest.slice(0, 12)}</code> },
];

/** Goes to a fact by its position, or by its provider and external id. */
function GoTo() {
  const [name, setName] = useState("");
  const command = useCommand();
  const find = () =>
    command.run(async () => {
      const position = name.trim().replace(/[,. ]/g, "");
      if (/^\d+$/.test(position)) return go(pageAddress(`facts/${position}`));
      const [provider = "", ...rest] = name.trim().split(/\s+/);
      const url = here("/api/v1/tenants/{tenant}/facts/by-key", {}, { provider, external_id: rest.join(" ") });
      go(pageAddress(`facts/${((await read(url)) as Fact).position}`));
    });
  return (
    <form
      class="inline"
      onSubmit={(event) => {
        event.preventDefault();
        void find();
      }}
    >
      <label>
        <span>Position, or provider and key</span>
        <input
          value={name}
          required
          placeholder="4711, or: twilio CA42:completed"
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <button class="control" disabled={command.busy}>
        Go
      </button>
      <Refused problem={command.problem} />
    </form>
  );
}

export function LogExplorer() {
  const follows = query.value.get("follow") === "1" && isNow.value;
  const chosen = filters("subject", "kind", "provider", "from", "to");
  const { subject, ...exported } = chosen;
  return (
    <>
      <div class="filters no-print">
        <TextFilter name="subject" label="Subject" placeholder="call/CA42" />
        <TextFilter name="kind" label="Kind" placeholder="call_reported" />
        <TextFilter name="provider" label="Provider" placeholder="twilio" />
        <TextFilter name="from" label="From" type="date" />
        <TextFilter name="to" label="To" type="date" />
        {isNow.value && (
          <label class="choice">
            <input
              type="checkbox"
              checked={follows}
              onChange={(event) => setQuery({ follow: event.currentTarget.checked ? "1" : null }, true)}
            />
            Follow live
          </label>
        )}
        <GoTo />
      </div>
      <DataTable<Fact>
        title="Facts"
        route="/api/v1/tenants/{tenant}/facts"
        query={chosen}
        id={(fact) => String(fact.position)}
        columns={COLUMNS}
        follow={follows}
        open={(fact) => pageAddress(`facts/${fact.position}`)}
        empty={
          <Empty title="No facts here" command={`curl -X POST …/api/v1/tenants/${tenant.value}/facts`}>
            Every fact that is recorded will stand here, at its position. Where filters are set, fewer of them show
            more.
          </Empty>
        }
      />
      <p class="soft no-print small">
        The facts of these kinds, providers and days as a file whose lines prove themselves:{" "}
        <a href={here("/api/v1/tenants/{tenant}/facts/export", {}, exported)} download>
          Export NDJSON
        </a>
        {subject && " (of all subjects)"}. A signed manifest comes with <code>factfold export</code>.
      </p>
    </>
  );
}
