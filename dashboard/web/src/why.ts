/** Which figure the open panel explains. It stands in the query, so that a link opens it, too. */
import { computed } from "@preact/signals";
import { back, query, setQuery, withQuery } from "./state/router";

/** A figure as `explain` names it. */
export interface FigureName {
  model: string;
  field: string;
  selection: Record<string, string>;
}

/** The figure in the query's `why`. */
export const explained = computed<FigureName | null>(() => {
  const text = query.value.get("why");
  if (!text) return null;
  const { model, field, ...selection } = Object.fromEntries(new URLSearchParams(text));
  return model && field ? { model, field, selection } : null;
});

function encoded({ model, field, selection }: FigureName): string {
  return new URLSearchParams({ model, field, ...selection }).toString();
}

/** The value as it was shown where the panel was opened from; what is explained is what was seen. */
const seen = new Map<string, string>();

/** The value that was seen of a figure, where one was. */
export function seenValue(figure: FigureName): string | null {
  return seen.get(encoded(figure)) ?? null;
}

/** Opens the panel. */
export function explain(figure: FigureName, value?: string): void {
  seen.clear();
  if (value !== undefined) seen.set(encoded(figure), value);
  setQuery({ why: encoded(figure) });
}

/** The address that opens it. */
export function explainAddress(figure: FigureName): string {
  return withQuery({ why: encoded(figure) });
}

/** Closes it, as the browser's Back does. */
export function closeWhy(): void {
  back(withQuery({ why: null }));
}
