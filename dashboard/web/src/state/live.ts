/** The stream of changes: figures follow it, resumed by position when the connection breaks. */
import { signal } from "@preact/signals";
import { isNow } from "./moment";
import { expire, load } from "./session";

/** Grows when read models have changed; what reads depends on it. */
export const revision = signal(0);
/** Since when the connection is lost; null while it stands. */
export const lostSince = signal<number | null>(null);
/** The highest position that a command of ours answered: reads wait until it is folded. */
export const written = signal(0);

/** Least time between two rounds of reads. */
const PACE = 400;
const RETRY = [500, 1_000, 2_000, 5_000, 10_000];

let source: EventSource | null = null;
let stopped = true;
let following = "";
let position: string | null = null;
let failures = 0;
let due = 0;
let last = 0;

function announce(): void {
  if (due) return;
  due = window.setTimeout(
    () => {
      due = 0;
      last = Date.now();
      revision.value += 1;
    },
    Math.max(0, last + PACE - Date.now()),
  );
}

/** How many commands of ours were done: what one did oneself is shown at once. */
export const acted = signal(0);

/** Says that a command was recorded, and at which position where it has one. */
export function wrote(at: number | null | undefined): void {
  acted.value += 1;
  written.value = Math.max(written.value, at ?? 0);
  revision.value += 1;
}

function connect(): void {
  if (stopped) return;
  const after = position === null ? "" : `?after=${position}`;
  const opened = new EventSource(`/api/v1/tenants/${encodeURIComponent(following)}/changes/stream${after}`);
  source = opened;
  opened.onopen = () => {
    // What changed while nobody listened is read now.
    if (lostSince.value !== null) announce();
    failures = 0;
    lostSince.value = null;
  };
  opened.addEventListener("change", (event) => {
    position = (event as MessageEvent).lastEventId || position;
    if (isNow.value) announce();
  });
  opened.onerror = () => {
    if (source !== opened) return;
    lostSince.value ??= Date.now();
    opened.close();
    const wait = RETRY[Math.min(failures++, RETRY.length - 1)];
    window.setTimeout(() => {
      if (source !== opened) return;
      // A stream that is refused says no reason: the session may be over, or the log another one.
      void load().then(
        (known) => {
          if (!known) return expire();
          if (failures > 3) position = null;
          connect();
        },
        () => opened.onerror?.(new Event("error")),
      );
    }, wait);
  };
}

/** Follows a tenant's changes; returns what ends it. */
export function follow(tenant: string): () => void {
  following = tenant;
  position = null;
  written.value = 0;
  failures = 0;
  stopped = false;
  lostSince.value = null;
  connect();
  return () => {
    stopped = true;
    source?.close();
    source = null;
  };
}
