/** Invitations: a link by which a person makes a login, valid for seven days and once. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { Secret } from "../../components/Secret";
import { When } from "../../components/When";
import { UNKNOWN, words } from "../../format";
import { isGlobal, tenant, workspace } from "../../state/session";
import { ROLES } from "./roles";

type Invitation = Answer<"/api/v1/invitations">["items"][number];

function Withdraw({ invitation }: { invitation: Invitation }) {
  if (invitation.state !== "open" || !isGlobal("admin")) return null;
  return (
    <Confirm
      label="Withdraw"
      question={`Withdraw the invitation of ${invitation.email ?? invitation.id}?`}
      act={() => ask("delete", "/api/v1/invitations/{invitation_id}", { filling: { invitation_id: invitation.id } })}
    >
      <p>Its link opens nothing any more, at once. The person can be invited again.</p>
    </Confirm>
  );
}

/** The roles that it gives, in words. */
function grants({ role, memberships }: Invitation): string {
  const here = Object.entries(memberships).map(([of, as]) => `${words(as).toLowerCase()} of ${of}`);
  return [role && `${words(role).toLowerCase()} of all`, ...here].filter(Boolean).join(", ");
}

const COLUMNS: Column<Invitation>[] = [
  { title: "Invited", heading: true, cell: (item) => <bdi>{item.email ?? UNKNOWN}</bdi> },
  { title: "As", cell: (item) => <bdi>{grants(item)}</bdi> },
  { title: "State", cell: (item) => <Badge state={item.state} /> },
  { title: "On", cell: (item) => <When at={item.invited_at} /> },
  { title: "Valid until", cell: (item) => <When at={item.expires_at} /> },
  { title: "Action", cell: (item) => <Withdraw invitation={item} /> },
];

function Invite() {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("viewer");
  const [url, setUrl] = useState<string | null>(null);
  const command = useCommand();
  const invite = async () => {
    const memberships = { [tenant.value ?? ""]: role };
    const made = await command.run(() => ask("post", "/api/v1/invitations", { body: { email, memberships } }));
    if (!made) return;
    setUrl(made.answer.url);
    setEmail("");
  };
  return (
    <>
      <Form command={command} submit={() => void invite()} action="Invite">
        <div class="pair">
          <Field label="Email" type="email" required value={email} set={setEmail} placeholder="ann@example.com" />
          <Field
            label={`Role in ${workspace.value?.name ?? tenant.value}`}
            value={role}
            set={setRole}
            options={ROLES.map((known): [string, string] => [known, words(known)])}
          />
        </div>
      </Form>
      {url && (
        <Secret name="Link for the person" value={url} gone={() => setUrl(null)}>
          It is shown this once. Send it to the person: it makes one login, within seven days. The server sends no mail.
        </Secret>
      )}
    </>
  );
}

export function Invitations() {
  return (
    <section aria-label="Invitations">
      <header class="section-head">
        <h2>Invitations</h2>
      </header>
      {isGlobal("admin") && <Invite />}
      <DataTable<Invitation>
        title="Invitations"
        route="/api/v1/invitations"
        page={10}
        id={(item) => item.id}
        columns={COLUMNS}
        timeless
        empty={
          <Empty title="Nobody is invited">Who is invited gets a link, and sets a name and a password there.</Empty>
        }
      />
    </section>
  );
}
