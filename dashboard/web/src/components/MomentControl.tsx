/** The moment that is looked at: now, or one of the log's life, by what was known or by what had happened. */
import { useEffect, useRef, useState } from "preact/hooks";
import { useRead } from "../api/use_read";
import { instant, monthName } from "../format";
import { MOMENT, isNow, moment } from "../state/moment";
import { setQuery } from "../state/router";
import { zone } from "../state/session";
import { Popover } from "./Popover";

const HOUR = 3_600_000;

function chosen(): string {
  const { known_at, as_of_position, occurred_until } = moment.value;
  if (known_at) return `Known ${instant(known_at, zone.value)}`;
  if (occurred_until) return `Until ${instant(occurred_until, zone.value)}`;
  return as_of_position ? `Position ${Number(as_of_position).toLocaleString()}` : "Now";
}

/** Local text of a `datetime-local` field. */
function field(at: number): string {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function Panel({ close }: { close: () => void }) {
  const first = useRead("/api/v1/tenants/{tenant}/facts", {}, { order: "asc", limit: 1 });
  const reports = useRead("/api/v1/tenants/{tenant}/reports", {}, { limit: 100 });
  const [axis, setAxis] = useState<"known_at" | "occurred_until">(
    moment.value.occurred_until ? "occurred_until" : "known_at",
  );
  const now = useRef(Date.now()).current;
  const born = first.data?.items[0];
  const begin = born ? Date.parse(axis === "known_at" ? born.recorded_at : born.occurred_at) : now - 90 * 24 * HOUR;
  const at = Date.parse(moment.value.known_at ?? moment.value.occurred_until ?? "") || now;
  const timer = useRef(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  const show = (to: number, axisNow = axis) => {
    const text = new Date(to).toISOString().replace(".000Z", "Z");
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      setQuery(
        { known_at: null, occurred_until: null, as_of_position: null, [axisNow]: to >= now ? null : text },
        true,
      );
    }, 60);
  };
  const published = (reports.data?.items ?? []).filter((item) => item.published_at);
  const marks: { at: number; name: string }[] = [];
  for (const date = new Date(begin); date.getTime() < now;) {
    date.setUTCMonth(date.getUTCMonth() + 1, 1);
    date.setUTCHours(0, 0, 0, 0);
    if (date.getTime() < now)
      marks.push({
        at: date.getTime(),
        name: `End of ${monthName(new Date(date.getTime() - 1).toISOString().slice(0, 7))}`,
      });
  }
  const step = Math.max(1, Math.min(HOUR, Math.floor((now - begin) / 1000)));
  return (
    <div class="moment">
      <label>
        <span>Moment</span>
        <input
          type="range"
          min={Math.min(begin, now - step)}
          max={now}
          step={step}
          value={at}
          list="moment-marks"
          aria-valuetext={instant(new Date(at).toISOString(), zone.value)}
          onInput={(event) => show(Number(event.currentTarget.value))}
        />
      </label>
      <datalist id="moment-marks">
        {[...marks.map((mark) => mark.at), ...published.map((item) => Date.parse(item.published_at ?? ""))].map(
          (value, index) => (
            <option key={index} value={value} />
          ),
        )}
      </datalist>
      <label>
        <span>Date and time</span>
        <input
          type="datetime-local"
          value={field(at)}
          max={field(now)}
          onChange={(event) => event.currentTarget.value && show(new Date(event.currentTarget.value).getTime())}
        />
      </label>
      <fieldset>
        <legend>Show</legend>
        {(["known_at", "occurred_until"] as const).map((name) => (
          <label key={name} class="choice">
            <input
              type="radio"
              name="axis"
              checked={axis === name}
              onChange={() => {
                setAxis(name);
                if (!isNow.value) show(at, name);
              }}
            />
            {name === "known_at" ? "what was known then" : "what had happened by then"}
          </label>
        ))}
      </fieldset>
      <ul class="choices" aria-label="Marks">
        {marks.slice(-4).map((mark) => (
          <li key={mark.at}>
            <button class="link" onClick={() => show(mark.at)}>
              {mark.name}
            </button>
          </li>
        ))}
        {published.slice(0, 4).map((item) => (
          <li key={item.report_id}>
            <button
              class="link"
              onClick={() =>
                setQuery({ known_at: null, occurred_until: null, as_of_position: String(item.as_of_position ?? "") })
              }
            >
              As published: {item.period}
            </button>
          </li>
        ))}
      </ul>
      <button
        class="control"
        onClick={() => {
          setQuery(Object.fromEntries(MOMENT.map((name) => [name, null])));
          close();
        }}
      >
        Back to now
      </button>
    </div>
  );
}

export function MomentControl() {
  const text = chosen();
  return (
    <Popover
      panel="Moment"
      name={text}
      label={
        <>
          <span aria-hidden="true">◷ </span>
          {text}
        </>
      }
      class={isNow.value ? "" : "set"}
    >
      {(close) => <Panel close={close} />}
    </Popover>
  );
}
