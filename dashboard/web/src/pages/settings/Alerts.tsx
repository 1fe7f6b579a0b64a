/** Alerts of the workspace with every attempt to tell them, and whom they are told to. */
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Badge } from "../../components/Badge";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { Empty } from "../../components/Empty";
import { Choice, filters } from "../../components/Filters";
import { Section } from "../../components/Section";
import { When } from "../../components/When";
import { count, words } from "../../format";
import { back, query, withQuery } from "../../state/router";
import { isGlobal, may } from "../../state/session";
import { AlertTargets } from "./AlertTargets";
import { AttemptTable, Messages, SendAgain } from "./Messages";

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
  return (
    <Dialog side name="Attempts to tell the alert" close={() => back(withQuery({ alert: null }))}>
      <Section title="Attempts" reading={reading}>
        {(data) => <AttemptTable items={data.items} />}
      </Section>
      <SendAgain what="alert" id={id} />
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
      {may("auditor") && <Messages />}
      {isGlobal("admin") && <AlertTargets />}
    </>
  );
}
