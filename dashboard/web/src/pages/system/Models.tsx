/** The read models, all at one position; one can be built anew beside the live one, and exchanged for it. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { count } from "../../format";
import { query, setQuery } from "../../state/router";
import { may } from "../../state/session";
import { RebuildView } from "./RebuildView";

type Model = Answer<"/api/v1/projections">["items"][number];

function Rebuild({ name, control }: { name: string; control?: boolean }) {
  const start = async () => {
    const begun = await ask("post", "/api/v1/projections/{name}/rebuild", { filling: { name }, body: {} as never });
    setQuery({ rebuild: `${name} ${begun.rebuild_id}` });
  };
  return (
    <Confirm
      label={name === "all" ? "Rebuild all" : "Rebuild"}
      question={name === "all" ? "Rebuild all read models?" : `Rebuild ${name}?`}
      action="Rebuild"
      control={control ?? false}
      act={start}
    >
      <p>
        The model is folded anew from the whole log beside the live one, of every workspace. Facts are taken in and
        pages are answered meanwhile; it takes processor time, and memory at most once more. Nothing is exchanged before
        you say so.
      </p>
    </Confirm>
  );
}

function RollBack({ name }: { name: string }) {
  const [told, setTold] = useState("");
  const act = async () => {
    const done = await ask("post", "/api/v1/projections/{name}/rollback", { filling: { name } });
    setTold("Rolled back");
    return done;
  };
  return (
    <>
      <Confirm label="Roll back" question={`Roll back ${name}?`} act={act}>
        <p>
          The model that was live before the last exchange is put back, with the facts that came since. It is kept for
          an hour after an exchange, until the next one.
        </p>
      </Confirm>
      {told && <span role="status"> {told}</span>}
    </>
  );
}

const COLUMNS: Column<Model>[] = [
  { title: "Model", heading: true, cell: (item) => item.name },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  { title: "Version", number: true, cell: (item) => String(item.version) },
  { title: "Position", number: true, cell: (item) => count(item.position) },
  { title: "Lag", number: true, cell: (item) => count(item.lag) },
  { title: "Digest", cell: (item) => <code>{String(item.digest ?? "–").slice(0, 16)}</code> },
  {
    title: "Action",
    cell: (item) =>
      may("operator") && (
        <span class="actions">
          <Rebuild name={item.name} />
          <RollBack name={item.name} />
        </span>
      ),
  },
];

export function Models() {
  const [name, id] = query.value.get("rebuild")?.split(" ") ?? [];
  return (
    <>
      {name && id && <RebuildView key={id} name={name} id={id} />}
      <section aria-label="Read models">
        <header class="section-head">
          <h2>Read models</h2>
          <span class="grow" />
          {may("operator") && <Rebuild name="all" control />}
        </header>
        <DataTable<Model>
          title="Read models"
          route="/api/v1/projections"
          id={(item) => item.name}
          columns={COLUMNS}
          timeless
          empty={<Empty title="No read models" />}
        />
      </section>
    </>
  );
}
