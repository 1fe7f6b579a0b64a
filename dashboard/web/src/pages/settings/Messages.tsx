/** Whatever targets were told, mails among it: alerts, alerts that are over, reports, weeks; and each told once more. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useRead } from "../../api/use_read";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Dialog } from "../../components/Dialog";
import { Empty } from "../../components/Empty";
import { Section } from "../../components/Section";
import { Table } from "../../components/Table";
import { When } from "../../components/When";
import { UNKNOWN, count, words } from "../../format";
import { isNow } from "../../state/moment";
import { back, query, withQuery } from "../../state/router";
import { may } from "../../state/session";

type Message = Answer<"/api/v1/tenants/{tenant}/messages">["items"][number];
type Sent = Answer<"/api/v1/tenants/{tenant}/messages/{message_id}/attempts">["items"];

const COLUMNS: Column<Message>[] = [
  { title: "Last sent", heading: true, cell: (item) => <When at={item.sent_at} /> },
  { title: "Of", cell: (item) => words(item.topic) },
  { title: "What", cell: (item) => <bdi>{item.title ?? item.message_id}</bdi> },
  { title: "Taken by", number: true, cell: (item) => count(item.delivered) },
  { title: "Attempts", number: true, cell: (item) => count(item.attempts) },
  { title: "Error", cell: (item) => <bdi>{item.error ?? UNKNOWN}</bdi> },
];

/** The attempts to send a message. */
export function AttemptTable({ items }: { items: Sent }) {
  if (items.length === 0)
    return <Empty title="It was told to nobody">A target gets the alerts that are raised after it was added.</Empty>;
  return (
    <Table title="Attempts" head={[["Sent"], ["Target"], ["Attempt", "n"], ["Answer"]]}>
      {items.map((item) => (
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
  );
}

/** Sends a message once more, and says how many targets took it. */
export function SendAgain({ what, id }: { what: string; id: string }) {
  const [told, setTold] = useState("");
  if (!may("operator") || !isNow.value) return null;
  const resend = async () => {
    const filling = { message_id: id };
    const done = await ask("post", "/api/v1/tenants/{tenant}/messages/{message_id}/resend", { filling });
    const well = done.items.filter((item) => !item.error).length;
    setTold(`${count(well)} of ${count(done.items.length)} targets took it`);
    return done;
  };
  return (
    <>
      <Confirm label="Send again" question={`Send the ${what} again?`} action="Send again" control act={resend}>
        <p>Every target that is configured for it gets it once more, at once, under the same id.</p>
      </Confirm>
      {told && <p role="status">{told}</p>}
    </>
  );
}

function MessageView({ id }: { id: string }) {
  const reading = useRead("/api/v1/tenants/{tenant}/messages/{message_id}/attempts", { message_id: id });
  return (
    <Dialog side name="Attempts to send the message" close={() => back(withQuery({ message: null }))}>
      <Section title="Attempts" reading={reading}>
        {(data) => <AttemptTable items={data.items} />}
      </Section>
      <SendAgain what="message" id={id} />
    </Dialog>
  );
}

export function Messages() {
  const shown = query.value.get("message");
  return (
    <section aria-label="Messages">
      <header class="section-head">
        <h2>Messages</h2>
      </header>
      <DataTable<Message>
        title="Messages"
        route="/api/v1/tenants/{tenant}/messages"
        id={(item) => item.message_id}
        columns={COLUMNS}
        open={(item) => withQuery({ message: item.message_id })}
        empty={
          <Empty title="Nothing was sent">
            Alerts, reports and weeks that targets are told of will stand here, with every attempt.
          </Empty>
        }
      />
      {shown && <MessageView key={shown} id={shown} />}
    </section>
  );
}
