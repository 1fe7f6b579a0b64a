/** The address bar as signals: the path says which page, the query all that changes what is seen. */
import { computed, signal } from "@preact/signals";

const address = signal(read());

function read(): URL {
  return new URL(window.location.href);
}

export const path = computed(() => address.value.pathname);
export const query = computed(() => address.value.searchParams);

/** How many entries of the history are ours, so that closing a panel can go back to what was before it. */
let depth = Number(history.state?.depth ?? 0);

window.addEventListener("popstate", () => {
  depth = Number(history.state?.depth ?? 0);
  address.value = read();
});

/** Goes to an address of this site. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState({ depth }, "", to);
  else history.pushState({ depth: ++depth }, "", to);
  const moved = read().pathname !== address.value.pathname;
  address.value = read();
  if (moved && !replace) window.scrollTo(0, 0);
}

/** Goes back to what was before, or to `otherwise` where the visit began here. */
export function back(otherwise: string): void {
  if (depth > 0) history.back();
  else go(otherwise, true);
}

/** The address of this page with these parameters changed; null takes one away. */
export function withQuery(changes: Record<string, string | null>): string {
  const next = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return path.value + (text ? `?${text}` : "");
}

/** Changes parameters of this page. */
export function setQuery(changes: Record<string, string | null>, replace = false): void {
  go(withQuery(changes), replace);
}

/** Lets links within the site change the page without loading it anew. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  const link = (event.target as Element | null)?.closest("a");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== window.location.origin) return;
  if (!/^\/(w\/|login|workspaces|welcome|$)/.test(link.pathname) || link.getAttribute("href")?.startsWith("#")) return;
  event.preventDefault();
  go(link.href);
}
