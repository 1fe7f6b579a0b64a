/** Reads of a page: kept while they are read anew, with the moment, live. */
import { useEffect, useState } from "preact/hooks";
import { type Answer, type Filling, type Problem, type Query, type Route, address, problemOf, read } from "./client";
import { revision, written } from "../state/live";
import { isNow, moment } from "../state/moment";
import { expire, tenant } from "../state/session";

/** What is known of a read. */
export interface Reading<T> {
  data: T | null;
  error: Problem | null;
  /** Whether what is shown belongs to another question, or there is nothing yet. */
  loading: boolean;
  reload: () => void;
}

/** The last answers, so that a page that is come back to, or a moment that was seen, is there at once. */
const answers = new Map<string, unknown>();
const ANSWERS_MAX = 100;

function keep(url: string, data: unknown): void {
  answers.delete(url);
  answers.set(url, data);
  const oldest = answers.keys().next().value;
  if (answers.size > ANSWERS_MAX && oldest !== undefined) answers.delete(oldest);
}

/** Forgets every answer: somebody else may look next. */
export function forget(): void {
  answers.clear();
}

/** Reads an address now and whenever the read models change, once they have `position`; null reads nothing. */
export function useAddress<T>(url: string | null, position = 0): Reading<T> {
  const [state, set] = useState<{ url: string | null; data: T | null; error: Problem | null }>({
    url: null,
    data: null,
    error: null,
  });
  const [again, setAgain] = useState(0);
  const tick = isNow.value ? revision.value : 0;
  useEffect(() => {
    if (url === null) return;
    const abort = new AbortController();
    const waiting = position > 0 ? `${url}${url.includes("?") ? "&" : "?"}min_position=${position}` : url;
    read(waiting, abort.signal).then(
      (data) => {
        keep(url, data);
        set({ url, data: data as T, error: null });
      },
      (error: unknown) => {
        if ((error as Error).name === "AbortError") return;
        const problem = problemOf(error);
        if (problem.status === 401) {
          forget();
          return expire();
        }
        // What was there is better than nothing while the server is away; what was refused is shown no more.
        set((before) => ({
          url,
          data: before.url === url && (problem.status === 0 || problem.status >= 500) ? before.data : null,
          error: problem,
        }));
      },
    );
    return () => abort.abort();
  }, [url, tick, again]);
  const known = url !== null && state.url !== url ? (answers.get(url) as T | undefined) : undefined;
  if (known !== undefined) return { data: known, error: null, loading: false, reload: () => setAgain(again + 1) };
  return {
    data: state.data,
    error: state.error,
    loading: url !== null && state.url !== url,
    reload: () => setAgain(again + 1),
  };
}

/** Reads a route of the workspace at the moment that is looked at; `skip` reads nothing. */
export function useRead<P extends Route>(
  route: P,
  filling: Filling = {},
  query: Query<P> = {},
  skip = false,
): Reading<Answer<P>> {
  const id = tenant.value;
  const url = skip || id === null ? null : address(route, { tenant: id, ...filling }, { ...moment.value, ...query });
  return useAddress<Answer<P>>(url, isNow.value ? written.value : 0);
}
