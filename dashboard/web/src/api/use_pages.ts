/** Lists: pages that are added one after the other, rows that stay put while new ones come. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Problem, problemOf, read } from "./client";
import { type Reading, useAddress } from "./use_read";
import { acted } from "../state/live";

interface PageOf<T> {
  items: T[];
  next_cursor: string | null;
  position: number;
}

/** A list as far as it was read. */
export interface Listing<T> extends Reading<PageOf<T>> {
  items: T[];
  /** Rows that came since and are not shown yet. */
  fresh: number;
  showFresh: () => void;
  more: (() => void) | null;
  loadingMore: boolean;
}

/** Reads the list at an address page by page; `id` names a row. */
export function usePages<T>(url: string | null, id: (item: T) => string, position = 0): Listing<T> {
  const first = useAddress<PageOf<T>>(url, position);
  const [list, set] = useState<{ url: string | null; items: T[]; next: string | null }>({
    url: null,
    items: [],
    next: null,
  });
  // What one did oneself is shown at once: it is no news that rows could jump by.
  const seen = useRef(acted.value);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    const page = first.data;
    if (!page || first.loading) return;
    set((before) => {
      if (before.url !== url || before.items.length === 0) {
        // A list that is come back to stands as it was left: what one did since is still to be shown.
        seen.current = page.position >= position ? acted.value : -1;
        return { url, items: page.items, next: page.next_cursor };
      }
      // A page that was read before it does not have it yet: the next one does.
      if (seen.current !== acted.value && page.position >= position) {
        seen.current = acted.value;
        const [shown, known] = [new Set(before.items.map(id)), new Set(page.items.map(id))];
        const last = page.items.findLast((item) => shown.has(id(item)));
        const beyond =
          before.next === page.next_cursor || !last ? -1 : before.items.findIndex((item) => id(item) === id(last));
        if (beyond < 0) return { url, items: page.items, next: page.next_cursor };
        return {
          ...before,
          items: [...page.items, ...before.items.slice(beyond + 1).filter((item) => !known.has(id(item)))],
        };
      }
      // Rows that are shown keep their places and take their new content; new ones wait until they are asked for.
      const now = new Map(page.items.map((item) => [id(item), item]));
      return { ...before, items: before.items.map((item) => now.get(id(item)) ?? item) };
    });
  }, [first.data, first.loading, url]);
  const isCurrent = list.url === url;
  const shown = new Set(list.items.map(id));
  // What stands behind the last row that is known is no news: it was on the next page.
  const items = isCurrent && first.data ? first.data.items : [];
  const last = items.findLastIndex((item) => shown.has(id(item)));
  const fresh = (last < 0 ? items : items.slice(0, last)).filter((item) => !shown.has(id(item)));
  const more = async () => {
    if (!url || !list.next) return;
    setBusy(true);
    setProblem(null);
    try {
      const page = (await read(
        `${url}${url.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(list.next)}`,
      )) as PageOf<T>;
      set((before) => {
        const known = new Set(before.items.map(id));
        return {
          ...before,
          items: [...before.items, ...page.items.filter((item) => !known.has(id(item)))],
          next: page.next_cursor,
        };
      });
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  return {
    ...first,
    error: problem ?? first.error,
    items: isCurrent ? list.items : [],
    loading: first.loading || !isCurrent,
    fresh: fresh.length,
    showFresh: () => first.data && set({ url, items, next: first.data.next_cursor }),
    more: isCurrent && list.next ? () => void more() : null,
    loadingMore: busy,
  };
}
