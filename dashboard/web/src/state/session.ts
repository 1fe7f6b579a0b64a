/** Who looks, and at which workspaces. */
import { computed, signal } from "@preact/signals";
import { type Answer, Problem, change, get } from "../api/client";
import { go, path, query } from "./router";

export type Me = Answer<"/api/v1/me">;
export type Workspace = Answer<"/api/v1/tenants">["items"][number];
export type Role = "viewer" | "agent" | "auditor" | "operator" | "admin";

export const me = signal<Me | null>(null);
export const workspaces = signal<Workspace[] | null>(null);

const LAST = "factfold.workspace";

/** The workspace in the path. */
export const tenant = computed(() => {
  const id = /^\/w\/([^/]+)/.exec(path.value)?.[1];
  return id === undefined ? null : decodeURIComponent(id);
});
export const workspace = computed(() => workspaces.value?.find((item) => item.id === tenant.value) ?? null);
export const role = computed(() => (workspace.value?.role ?? me.value?.role ?? null) as Role | null);
export const zone = computed(() => workspace.value?.timezone ?? "UTC");

/** The roles that have a need, as the server's table says. */
const HAVE: Record<string, Role[]> = {
  viewer: ["viewer", "agent", "auditor", "operator", "admin"],
  agent: ["agent", "operator", "admin"],
  auditor: ["auditor", "operator", "admin"],
  operator: ["operator", "admin"],
  admin: ["admin"],
};

/** Whether the person may do what needs this. */
export function may(need: string): boolean {
  return role.value !== null && (HAVE[need] ?? []).includes(role.value);
}

/** Whether the person has a role of the whole server, as routes outside of workspaces ask for. */
export function isGlobal(need = "auditor"): boolean {
  const own = me.value?.role as Role | null | undefined;
  return !!own && (HAVE[need] ?? []).includes(own);
}

/** Learns who looks. False where nobody is logged in. */
export async function load(): Promise<boolean> {
  try {
    const [who, list] = await Promise.all([get("/api/v1/me"), get("/api/v1/tenants", {}, { limit: 500 })]);
    me.value = who;
    workspaces.value = list.items.filter((item) => item.id !== "_unassigned");
    return true;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return false;
    throw error;
  }
}

/** Forgets who looked, and asks to log in; what was looked at comes back then. */
export function expire(): void {
  if (path.value === "/login") return;
  me.value = null;
  workspaces.value = null;
  const text = query.value.toString();
  go(`/login?next=${encodeURIComponent(path.value + (text ? `?${text}` : ""))}`, true);
}

/** Ends the login. */
export async function logOut(): Promise<void> {
  await change("POST", "/api/v1/logout");
  me.value = null;
  workspaces.value = null;
  go("/login");
}

/** Remembers the workspace for the next visit. */
export function remember(id: string): void {
  try {
    localStorage.setItem(LAST, id);
  } catch {
    // Private windows may keep nothing.
  }
}

/** The workspace to begin with: the last one, or the only one. */
export function firstWorkspace(): string | null {
  const list = workspaces.value ?? [];
  let last: string | null = null;
  try {
    last = localStorage.getItem(LAST);
  } catch {
    // As above.
  }
  const known = list.find((item) => item.id === last);
  return known?.id ?? (list.length === 1 ? (list[0]?.id ?? null) : null);
}
