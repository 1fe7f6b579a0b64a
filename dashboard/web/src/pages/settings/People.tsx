/** People with a login: their role and workspaces, added, changed and removed by an admin. */
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { Badge } from "../../components/Badge";
import { Confirm } from "../../components/Confirm";
import { type Column, DataTable } from "../../components/DataTable";
import { Empty } from "../../components/Empty";
import { Refused } from "../../components/Refused";
import { When } from "../../components/When";
import { UNKNOWN, words } from "../../format";
import { isGlobal, me, tenant, workspace } from "../../state/session";
import { Invitations } from "./Invitations";
import { ROLES } from "./roles";

type User = Answer<"/api/v1/users">["items"][number];

/** The person's role here, which an admin may change; "none" takes it away. */
function RoleHere({ user }: { user: User }) {
  const command = useCommand();
  const role = user.memberships[tenant.value ?? ""] ?? "";
  if (user.role) return <Badge state={user.role} text={`${words(user.role)} of all`} />;
  if (!isGlobal("admin")) return role ? <Badge state={role} /> : <>none</>;
  const filling = { user_id: user.id, member_of: tenant.value ?? "" };
  const route = "/api/v1/users/{user_id}/memberships/{member_of}";
  const set = (next: string) =>
    command.run<unknown>(() =>
      next ? ask("put", route, { filling, body: { role: next } }) : ask("delete", route, { filling }),
    );
  return (
    <>
      <select
        aria-label={`Role of ${user.name ?? user.email ?? user.id}`}
        value={role}
        disabled={command.busy}
        onChange={(event) => void set(event.currentTarget.value)}
      >
        <option value="">none</option>
        {ROLES.map((known) => (
          <option key={known} value={known}>
            {words(known)}
          </option>
        ))}
      </select>
      <Refused problem={command.problem} />
    </>
  );
}

function Remove({ user }: { user: User }) {
  const name = user.email ?? user.id;
  if (!isGlobal("admin") || user.id === me.value?.id || (user.email && user.email === me.value?.email)) return null;
  return (
    <Confirm
      label="Remove"
      question={`Remove ${name}?`}
      act={() => ask("delete", "/api/v1/users/{user_id}", { filling: { user_id: user.id } })}
    >
      <p>
        The login is gone in all workspaces, and pages that are open close at their next read. What the person recorded
        stays.
      </p>
    </Confirm>
  );
}

const COLUMNS: Column<User>[] = [
  { title: "Name", heading: true, cell: (user) => <bdi>{user.name ?? user.email ?? user.id}</bdi> },
  { title: "Email", cell: (user) => <bdi>{user.email ?? UNKNOWN}</bdi> },
  { title: "Role here", cell: (user) => <RoleHere user={user} /> },
  {
    title: "Workspaces",
    cell: (user) => <bdi>{user.role ? "all" : Object.keys(user.memberships).join(", ") || "none"}</bdi>,
  },
  { title: "Added", cell: (user) => <When at={user.added_at} /> },
  { title: "Action", cell: (user) => <Remove user={user} /> },
];

export function People() {
  return (
    <>
      <UserList />
      <Invitations />
    </>
  );
}

function UserList() {
  return (
    <section aria-label="People">
      <header class="section-head">
        <h2>People</h2>
        <span class="soft">and what each may do in {workspace.value?.name ?? tenant.value}</span>
      </header>
      <DataTable<User>
        title="People"
        route="/api/v1/users"
        id={(user) => user.id}
        columns={COLUMNS}
        timeless
        empty={<Empty title="Nobody yet" command="factfold user create ann@example.com --role admin" />}
      />
    </section>
  );
}
