/** The month that a page shows, in the query. */
import { addMonths, localDate, monthName } from "../format";
import { moment } from "../state/moment";
import { query, setQuery } from "../state/router";
import { zone } from "../state/session";

/** How many months back are offered. */
const BACK = 36;

/** The day in the workspace's zone, at the moment that is looked at. Days after it are unknown, not 0. */
export function currentDay(): string {
  const at = moment.value.known_at ?? moment.value.occurred_until;
  return localDate(at ? new Date(at) : new Date(), zone.value);
}

/** Its month. */
export function currentMonth(): string {
  return currentDay().slice(0, 7);
}

/** The month in the query, else the current one. */
export function shownMonth(): string {
  const given = query.value.get("month") ?? "";
  return /^\d{4}-(0[1-9]|1[0-2])$/.test(given) ? given : currentMonth();
}

export function MonthPicker() {
  const [month, current] = [shownMonth(), currentMonth()];
  const months = Array.from({ length: BACK }, (_, index) => addMonths(current, -index));
  if (!months.includes(month)) months.push(month);
  const show = (to: string) => setQuery({ month: to === current ? null : to, why: null });
  return (
    <span class="month">
      <button class="control" aria-label="Month before" onClick={() => show(addMonths(month, -1))}>
        ‹
      </button>
      <label>
        <span class="unseen">Month</span>
        <select class="control" value={month} onChange={(event) => show(event.currentTarget.value)}>
          {months.map((item) => (
            <option key={item} value={item}>
              {monthName(item)}
            </option>
          ))}
        </select>
      </label>
      <button
        class="control"
        aria-label="Month after"
        disabled={month >= current}
        onClick={() => show(addMonths(month, 1))}
      >
        ›
      </button>
    </span>
  );
}
