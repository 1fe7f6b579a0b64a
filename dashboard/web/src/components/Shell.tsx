/** What surrounds every page of a workspace: navigation, the live connection, keys, the open panel. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { follow } from "../state/live";
import { path } from "../state/router";
import { tenant, workspace } from "../state/session";
import { Announcer } from "./Announcer";
import { Keys } from "./Keys";
import { Navigation } from "./Navigation";
import { WhyPanel } from "./WhyPanel";

export function Shell({ active, children }: { active: string; children: ComponentChildren }) {
  const [open, setOpen] = useState(false);
  const id = tenant.value ?? "";
  useEffect(() => follow(id), [id]);
  useEffect(() => setOpen(false), [path.value]);
  return (
    <>
      <a class="skip" href="#content">
        Skip to content
      </a>
      <div class={`shell ${open ? "menu-open" : ""}`}>
        <header class="frame">
          <div class="bar">
            <button class="control" aria-expanded={open} aria-controls="pages" onClick={() => setOpen(!open)}>
              Menu
            </button>
            <span class="brand">
              <bdi>{workspace.value?.name ?? id}</bdi>
            </span>
          </div>
          <Navigation active={active} />
        </header>
        <main id="content" tabIndex={-1}>
          {children}
          <Announcer />
        </main>
      </div>
      <WhyPanel />
      <Keys />
    </>
  );
}
