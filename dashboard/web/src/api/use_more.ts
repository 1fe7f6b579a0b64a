/** Further pages of a list whose first page is there already. */
import { useEffect, useState } from "preact/hooks";
import { read } from "./client";

interface More<T> {
  items: T[];
  more: (() => void) | null;
  busy: boolean;
}

export function useMore<T>(url: string, first: T[], next: string | null, member: string): More<T> {
  const [state, set] = useState({ items: first, next });
  const [busy, setBusy] = useState(false);
  useEffect(() => set({ items: first, next }), [first]);
  const more = async () => {
    setBusy(true);
    try {
      const page = (await read(`${url}&cursor=${encodeURIComponent(state.next ?? "")}`)) as Record<string, unknown> & {
        next_cursor: string | null;
      };
      set({ items: [...state.items, ...((page[member] ?? []) as T[])], next: page.next_cursor });
    } finally {
      setBusy(false);
    }
  };
  return { items: state.items, more: state.next ? () => void more() : null, busy };
}
