/** The workspace's name, and the way to another one. */
import { tenant, workspace, workspaces } from "../state/session";
import { path } from "../state/router";
import { Popover } from "./Popover";

export function WorkspaceSwitcher() {
  const name = workspace.value?.name ?? tenant.value ?? "";
  const page = path.value.split("/")[3] ?? "dashboard";
  return (
    <Popover
      class="workspace"
      panel="Workspaces"
      label={
        <>
          <bdi>{name}</bdi>
          <span aria-hidden="true">⌄</span>
        </>
      }
    >
      {(close) => (
        <ul class="choices">
          {(workspaces.value ?? []).slice(0, 50).map((item) => (
            <li key={item.id}>
              <a
                href={`/w/${encodeURIComponent(item.id)}/${page === "facts" ? "dashboard" : page}`}
                aria-current={item.id === tenant.value ? "true" : undefined}
                onClick={close}
              >
                <bdi>{item.name ?? item.id}</bdi>
              </a>
            </li>
          ))}
          <li>
            <a href="/workspaces">All workspaces</a>
          </li>
        </ul>
      )}
    </Popover>
  );
}
