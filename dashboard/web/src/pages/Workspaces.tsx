/** The choice of a workspace. */
import { useEffect } from "preact/hooks";
import { Empty } from "../components/Empty";
import { logOut, workspaces } from "../state/session";
import { words } from "../format";

export function Workspaces() {
  const list = workspaces.value ?? [];
  useEffect(() => {
    document.title = "Workspaces · Factfold";
  }, []);
  return (
    <main class="alone">
      <h1>Workspaces</h1>
      {list.length === 0 ? (
        <Empty title="You are a member of no workspace">An admin can invite you to one.</Empty>
      ) : (
        <ul class="workspaces">
          {list.map((item) => (
            <li key={item.id}>
              <a href={`/w/${encodeURIComponent(item.id)}/dashboard`}>
                <bdi>{item.name ?? item.id}</bdi>
              </a>
              <span class="soft">
                {words(item.role)}
                {item.timezone && ` · ${item.timezone}`}
                {item.closed && " · closed"}
              </span>
            </li>
          ))}
        </ul>
      )}
      <button class="link" onClick={() => void logOut()}>
        Log out
      </button>
    </main>
  );
}
