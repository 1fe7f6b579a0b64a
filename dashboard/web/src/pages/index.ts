/** Every page of a workspace: its path, its word, its group, what it needs, and where its code is. */
import type { ComponentType } from "preact";

export interface PageEntry {
  path: string;
  title: string;
  group: string;
  need: string;
  /** The key after `g`. */
  key: string;
  load: () => Promise<{ default: ComponentType }>;
}

export const PAGES: PageEntry[] = [
  {
    path: "dashboard",
    title: "Dashboard",
    group: "Overview",
    need: "viewer",
    key: "d",
    load: () => import("./Dashboard"),
  },
  { path: "reports", title: "Reports", group: "Overview", need: "viewer", key: "r", load: () => import("./Reports") },
  { path: "leads", title: "Leads", group: "CRM", need: "viewer", key: "l", load: () => import("./Leads") },
  { path: "pipeline", title: "Pipeline", group: "CRM", need: "viewer", key: "p", load: () => import("./Pipeline") },
  { path: "hot-list", title: "Hot List", group: "CRM", need: "viewer", key: "h", load: () => import("./HotList") },
  { path: "notes", title: "Notes", group: "CRM", need: "viewer", key: "n", load: () => import("./Notes") },
  { path: "schedule", title: "Schedule", group: "CRM", need: "viewer", key: "s", load: () => import("./Schedule") },
  { path: "calls", title: "Calls", group: "Calls", need: "viewer", key: "c", load: () => import("./Calls") },
  { path: "dialer", title: "Dialer", group: "Calls", need: "agent", key: "i", load: () => import("./Dialer") },
  {
    path: "outreach",
    title: "Outreach",
    group: "Outreach",
    need: "viewer",
    key: "o",
    load: () => import("./Outreach"),
  },
  {
    path: "deliveries",
    title: "Deliveries",
    group: "Record",
    need: "auditor",
    key: "v",
    load: () => import("./Deliveries"),
  },
  { path: "audit", title: "Audit", group: "Record", need: "auditor", key: "a", load: () => import("./Audit") },
  { path: "system", title: "System", group: "Record", need: "auditor", key: "y", load: () => import("./System") },
  {
    path: "settings",
    title: "Settings",
    group: "Record",
    need: "auditor",
    key: "t",
    load: () => import("./Settings"),
  },
];

/** Pages that no link of the navigation leads to. */
export const FACT = { path: "facts", title: "Fact", load: () => import("./Fact") };
