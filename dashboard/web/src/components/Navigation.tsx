/** The links to the pages that the person's role has, by group. */
import { PAGES } from "../pages";
import { MOMENT } from "../state/moment";
import { query } from "../state/router";
import { logOut, may, me, tenant } from "../state/session";
import { ThemeSwitch } from "./ThemeSwitch";
import { WorkspaceSwitcher } from "./WorkspaceSwitcher";

/** What of the query goes along to another page: the moment and the month. */
export function pageAddress(page: string): string {
  const kept = new URLSearchParams();
  for (const name of [...MOMENT, "month"]) {
    const value = query.value.get(name);
    if (value) kept.set(name, value);
  }
  const text = kept.toString();
  return `/w/${encodeURIComponent(tenant.value ?? "")}/${page}${text ? `?${text}` : ""}`;
}

export function Navigation({ active }: { active: string }) {
  const groups = [...new Set(PAGES.map((page) => page.group))];
  return (
    <div class="side" id="pages">
      <WorkspaceSwitcher />
      <nav aria-label="Pages">
        {groups.map((group) => {
          const pages = PAGES.filter((page) => page.group === group && may(page.need));
          return pages.length === 0 ? null : (
            <div key={group} class="group">
              <span class="group-name" aria-hidden="true">
                {group}
              </span>
              <ul aria-label={group}>
                {pages.map((page) => (
                  <li key={page.path}>
                    <a href={pageAddress(page.path)} aria-current={page.path === active ? "page" : undefined}>
                      {page.title}
                    </a>
                  </li>
                ))}
              </ul>
            </div>
          );
        })}
      </nav>
      <div class="side-foot">
        <ThemeSwitch />
        <span class="who" title={me.value?.email ?? me.value?.id}>
          <bdi>{me.value?.name ?? me.value?.email ?? me.value?.id}</bdi>
        </span>
        <button class="link" onClick={() => void logOut()}>
          Log out
        </button>
      </div>
    </div>
  );
}
