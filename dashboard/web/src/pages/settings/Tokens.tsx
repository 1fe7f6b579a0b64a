/** Tokens of programs: issued once, shown once, revoked at once. */
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
import { UNKNOWN, instant, words } from "../../format";
import { isGlobal, zone } from "../../state/session";
import { Reach, reached } from "./Reach";
import { ROLES } from "./roles";

type Token = Answer<"/api/v1/tokens">["items"][number];

function Revoke({ token }: { token: Token }) {
  if (token.revoked_at) return <>{instant(token.revoked_at, zone.value)}</>;
  if (!isGlobal("admin")) return null;
  const filling = { token_id: token.id };
  return (
    <Confirm
      label="Revoke"
      question={`Revoke the token ${token.name}?`}
      act={() => ask("delete", "/api/v1/tokens/{token_id}", { filling })}
    >
      <p>
        From now on it is refused, and streams that were opened with it end within a second. What was recorded with it
        stays. It cannot be made valid again.
      </p>
    </Confirm>
  );
}

const COLUMNS: Column<Token>[] = [
  { title: "Name", heading: true, cell: (token) => <bdi>{token.name}</bdi> },
  { title: "Role", cell: (token) => <Badge state={token.role} /> },
  {
    title: "Of",
    cell: (token) => <bdi>{token.tenants.length === 0 ? "all workspaces" : token.tenants.join(", ")}</bdi>,
  },
  { title: "Issued", cell: (token) => <When at={token.issued_at} /> },
  { title: "By", cell: (token) => <bdi>{token.issued_by ?? UNKNOWN}</bdi> },
  { title: "Last used", cell: (token) => (token.last_used_at ? instant(token.last_used_at, zone.value) : "never") },
  { title: "Revoked", cell: (token) => <Revoke token={token} /> },
];

function Issue() {
  const [name, setName] = useState("");
  const [role, setRole] = useState("viewer");
  const [reach, setReach] = useState("one");
  const [token, setToken] = useState<string | null>(null);
  const command = useCommand();
  const issue = async () => {
    const body = { name, role, ...reached(reach) };
    const made = await command.run(() => ask("post", "/api/v1/tokens", { body }));
    if (!made) return;
    setToken(made.answer.token);
    setName("");
  };
  return (
    <>
      <Form command={command} submit={() => void issue()} action="Issue token">
        <div class="pair">
          <Field label="Name" required value={name} set={setName} placeholder="Wallboard in the office" />
          <Field
            label="Role"
            value={role}
            set={setRole}
            options={ROLES.map((known): [string, string] => [known, words(known)])}
          />
          <Reach label="Of" value={reach} set={setReach} />
        </div>
      </Form>
      {token && (
        <Secret name="Token" value={token} gone={() => setToken(null)}>
          It is shown this once, and valid at once: <code>Authorization: Bearer …</code>
        </Secret>
      )}
    </>
  );
}

export function Tokens() {
  return (
    <section aria-label="Tokens">
      <header class="section-head">
        <h2>Tokens</h2>
      </header>
      {isGlobal("admin") && <Issue />}
      <DataTable<Token>
        title="Tokens"
        route="/api/v1/tokens"
        id={(token) => token.id}
        columns={COLUMNS}
        timeless
        empty={
          <Empty title="No tokens" command="factfold token create --name wallboard --role viewer">
            A program that reads or records has a token of its own, with a role and workspaces.
          </Empty>
        }
      />
    </section>
  );
}
