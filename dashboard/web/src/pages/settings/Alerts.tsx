/** Alerts of the workspace with every attempt to tell them, and whom they are told to. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { Empty } from "../../components/Empty";
import { Choice, filters } from "../../components/Filters";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { When } from "../../components/When";
import { UNKNOWN, count, words } from "../../format";
import { isNow } from "../../state/moment";
import { back, query, withQuery } from "../../state/router";
import { isGlobal, may } from "../../state/session";
import { AlertTargets } from "./AlertTargets";

type Alert = Answer<"/api/v1/tenants/{tenant}/alerts">["items"][number];

const COLUMNS: Column<Alert>[] = [
  { title: "Raised", heading: true, cell: (item) => <When at={item.raised_at} /> },
  { title: "Rule", cell: (item) => words(item.rule) },
  { title: "What", cell: (item) => <bdi>{item.title}</bdi> },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  { title: "Cleared", cell: (item) => <When at={item.cleared_at} /> },
  { title: "Told", number: true, cell: (item) => `${count(item.delivered)} of ${count(item.attempts)}` },
];

function Attempts({ id }: { id: string }) {
  const reading = useRead("/api/v1/tenants/{tenant}/alerts/{alert_id}/attempts", { alert_id: id });
  const [told, setTold] = useState("");
  const resend = async () => {
    const done = await ask("post", "/api/v1/tenants/{tenant}/alerts/{alert_id}/resend", { filling: { alert_id: id } });
    const well = done.items.filter((item) => !item.error).length;
    setTold(`${count(well)} of ${count(done.items.length)} targets took it`);
    return done;
  };
  return (
    <Dialog side name="Attempts to tell the alert" close={() => back(withQuery({ alert: null }))}>
      <Section title="Attempts" reading={reading}>
        {(data) =>
          data.items.length === 0 ? (
            <Empty title="It was told to nobody">A target gets the alerts that are raised after it was added.</Empty>
          ) : (
            <Table title="Attempts" head={[["Sent"], ["Target"], ["Attempt", "n"], ["Answer"]]}>
              {data.items.map((item) => (
                <tr key={item.fact_position}>
                  <th scope="row">
                    <When at={item.sent_at} />
                  </th>
                  <td>
                    <code>{item.target_id}</code>
                  </td>
                  <td class="n">{count(item.attempt)}</td>
                  <td>
                    <bdi>{item.error ?? (item.status ? String(item.status) : UNKNOWN)}</bdi>
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Section>
      {may("operator") && isNow.value && (
        <Confirm label="Send again" question="Send the alert again?" control act={resend}>
          <p>Every target that is configured for it gets it once more, at once, under the same id.</p>
        </Confirm>
      )}
      {told && <p role="status">{told}</p>}
    </Dialog>
  );
}

export function Alerts() {
  const chosen = filters("state").state;
  const shown = query.value.get("alert");
  return (
    <>
      <section aria-label="Alerts">
        <header class="section-head">
          <h2>Alerts</h2>
        </header>
        <div class="filters no-print">
          <Choice
            name="state"
            label="State"
            options={[
              ["open", "Open"],
              ["cleared", "Cleared"],
            ]}
          />
        </div>
        <DataTable<Alert>
          title="Alerts"
          route="/api/v1/tenants/{tenant}/alerts"
          query={{ state: chosen ?? null }}
          id={(item) => item.alert_id}
          columns={COLUMNS}
          open={(item) => withQuery({ alert: item.alert_id })}
          empty={
            <Empty title="No alerts">
              Silent or failing endpoints, failed syncs, falling reply rates and what the audit finds will stand here.
            </Empty>
          }
        />
        {shown && <Attempts key={shown} id={shown} />}
      </section>
      {isGlobal("admin") && <AlertTargets />}
    </>
  );
}
