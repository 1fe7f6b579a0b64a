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
      const answer = (await read(`${url}&cursor=${encodeURIComponent(state.next ?? "")}`)) as Record<string, unknown>;
      // `diff.items` are the items of a part of the answer, which has the cursor, too.
      const [name = "", inner] = member.split(".");
      const page = (inner ? answer[name] : answer) as Record<string, unknown> & { next_cursor: string | null };
      set({ items: [...state.items, ...((page[inner ?? name] ?? []) as T[])], next: page.next_cursor });
    } finally {
      setBusy(false);
    }
  };
  return { items: state.items, more: state.next ? () => void more() : null, busy };
}
