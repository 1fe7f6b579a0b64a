/** A page's heading with its controls, and the banners below it; moment and freshness are every page's. */
import type { ComponentChildren } from "preact";
import { LiveNote } from "./LiveNote";
import { MomentBanner } from "./MomentBanner";
import { MomentControl } from "./MomentControl";
import { SyncBanner } from "./SyncBanner";

export function Head({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <>
      <header class="head">
        <h1>{title}</h1>
        <div class="controls">
          {children}
          <MomentControl />
        </div>
      </header>
      <SyncBanner />
      <MomentBanner />
      <LiveNote />
    </>
  );
}
