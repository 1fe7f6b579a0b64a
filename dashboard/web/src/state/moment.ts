/** The moment that is looked at: now, or one of the log's past. It stands in the query and goes with every read. */
import { computed } from "@preact/signals";
import { instant } from "../format";
import { query } from "./router";
import { zone } from "./session";

export const MOMENT = ["known_at", "as_of_position", "occurred_until"] as const;

/** The parameters of the moment; empty now. */
export const moment = computed(() => {
  const found: Record<string, string> = {};
  for (const name of MOMENT) {
    const value = query.value.get(name);
    if (value) found[name] = value;
  }
  return found;
});

export const isNow = computed(() => Object.keys(moment.value).length === 0);

/** What is seen, in words; null now. */
export const momentText = computed(() => {
  const { known_at, as_of_position, occurred_until } = moment.value;
  const parts: string[] = [];
  if (as_of_position) parts.push(`what was known at position ${Number(as_of_position).toLocaleString()}`);
  if (known_at) parts.push(`what was known on ${instant(known_at, zone.value)}`);
  if (occurred_until) parts.push(`what had happened by ${instant(occurred_until, zone.value)}`);
  return parts.length === 0 ? null : `You see ${parts.join(", and ")}`;
});
