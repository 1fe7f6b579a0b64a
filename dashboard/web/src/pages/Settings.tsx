/** Who may see the workspace. */
import type { Answer } from "../api/client";
import { Badge } from "../components/Badge";
import { type Column, DataTable } from "../components/DataTable";
import { Empty } from "../components/Empty";
import { Head } from "../components/Head";
import { Members } from "../components/Members";
import { UNKNOWN, instant, words } from "../format";
import { me, tenant, workspace, zone } from "../state/session";

type User = Answer<"/api/v1/users">["items"][number];

const USERS: Column<User>[] = [
  { title: "Name", heading: true, cell: (user) => <bdi>{user.name ?? user.email ?? user.id}</bdi> },
  { title: "Email", cell: (user) => <bdi>{user.email ?? UNKNOWN}</bdi> },
  { title: "Role", cell: (user) => <Badge state={user.role ?? user.memberships[tenant.value ?? ""]} /> },
  { title: "Of", cell: (user) => (user.role ? "all workspaces" : Object.keys(user.memberships).join(", ")) },
  { title: "Added", cell: (user) => instant(user.added_at, zone.value) },
];

export default function Settings() {
  return (
    <>
      <Head title="Settings" />
      <div class="stack">
        <section aria-label="Workspace">
          <header class="section-head">
            <h2>Workspace</h2>
          </header>
          <Members
            members={[
              ["Name", workspace.value?.name],
              ["Id", tenant.value],
              ["Time zone", zone.value],
              ["Your role", words(workspace.value?.role)],
            ]}
          />
        </section>
        {me.value?.role && (
          <section aria-label="People">
            <header class="section-head">
              <h2>People</h2>
            </header>
            <DataTable<User>
              title="People"
              route="/api/v1/users"
              id={(user) => user.id}
              columns={USERS}
              timeless
              empty={<Empty title="Nobody yet" command="factfold user create ann@example.com --role admin" />}
            />
          </section>
        )}
      </div>
    </>
  );
}
