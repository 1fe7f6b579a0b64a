/** Which page the path means, and who may see it. */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Shell } from "./components/Shell";
import { Failure } from "./components/Failure";
import { PageSkeleton } from "./components/Skeleton";
import { Problem, problemOf } from "./api/client";
import { FACT, PAGES } from "./pages";
import { Login } from "./pages/Login";
import { Welcome } from "./pages/Welcome";
import { Workspaces } from "./pages/Workspaces";
import { go, path, query } from "./state/router";
import { expire, firstWorkspace, load, me, may, remember, tenant, workspace } from "./state/session";

const loaded = signal<Record<string, ComponentType>>({});
const failed = signal<Record<string, Problem>>({});

function fetchPage(name: string, load: () => Promise<{ default: ComponentType }>): void {
  load().then(
    (module) => (loaded.value = { ...loaded.value, [name]: module.default }),
    () =>
      (failed.value = {
        ...failed.value,
        [name]: new Problem(
          0,
          "The page could not be loaded",
          "The server cannot be reached, or it is a newer one.",
          "unreachable",
          null,
          [],
        ),
      }),
  );
}

function Page({ name }: { name: string }) {
  const entry = PAGES.find((page) => page.path === name) ?? (name === FACT.path ? FACT : null);
  useEffect(() => {
    document.title = [entry?.title ?? "Not found", workspace.value?.name ?? tenant.value, "Factfold"]
      .filter(Boolean)
      .join(" · ");
    if (entry && !loaded.value[name]) fetchPage(name, entry.load);
  }, [name, tenant.value]);
  if (!entry)
    return (
      <Failure
        title="Page"
        problem={new Problem(404, "No such page", "Nothing is at this address.", "not_found", null, [])}
      />
    );
  if ("need" in entry && !may(entry.need)) {
    const detail = `This page needs the role ${entry.need}. An admin can grant it.`;
    return (
      <Failure title={entry.title} problem={new Problem(403, "Not for your role", detail, "forbidden", null, [])} />
    );
  }
  const problem = failed.value[name];
  if (problem) return <Failure title={entry.title} problem={problem} retry={() => window.location.reload()} />;
  const Found = loaded.value[name];
  return Found ? <Found /> : <PageSkeleton title={entry.title} />;
}

/** Where a path without a workspace leads. */
function redirect(): void {
  const first = firstWorkspace();
  const name = path.value.slice(1);
  const page = PAGES.some((known) => known.path === name) ? name : "dashboard";
  const text = query.value.toString();
  go(first === null ? "/workspaces" : `/w/${encodeURIComponent(first)}/${page}${text ? `?${text}` : ""}`, true);
}

export function App() {
  const [problem, setProblem] = useState<Problem | null>(null);
  const isWelcome = path.value === "/welcome";
  const isLogin = path.value === "/login" || isWelcome;
  const begin = () => {
    setProblem(null);
    load().then(
      (known) => known || expire(),
      (error: unknown) => setProblem(problemOf(error)),
    );
  };
  useEffect(() => {
    if (!isLogin && !me.value) begin();
  }, [isLogin, me.value]);
  useEffect(() => {
    if (tenant.value && workspace.value) remember(tenant.value);
    else if (me.value && !isLogin && tenant.value === null && path.value !== "/workspaces") redirect();
  }, [path.value, me.value]);
  if (isWelcome) return <Welcome />;
  if (isLogin) return <Login />;
  if (problem) return <Failure title="Factfold" problem={problem} retry={begin} alone />;
  if (!me.value) return <div class="blank" aria-busy="true" />;
  if (path.value === "/workspaces") return <Workspaces />;
  if (tenant.value === null) return null;
  if (!workspace.value) {
    const gone = new Problem(
      404,
      "No such workspace",
      "It is not there, or you are no member of it.",
      "not_found",
      null,
      [],
    );
    return <Failure title="Factfold" problem={gone} alone />;
  }
  const name = path.value.split("/")[3] ?? "";
  if (name === "") {
    go(`/w/${encodeURIComponent(tenant.value)}/dashboard`, true);
    return null;
  }
  return (
    <Shell key={tenant.value} active={name}>
      <Page key={`${tenant.value} ${name}`} name={name} />
    </Shell>
  );
}
