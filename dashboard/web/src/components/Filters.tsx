/** Filters of a list; what they are set to stands in the query. */
import { useEffect, useRef, useState } from "preact/hooks";
import { query, setQuery } from "../state/router";

/** A choice among words. */
export function Choice({
  name,
  label,
  options,
  all = "All",
}: {
  name: string;
  label: string;
  options: [string, string][];
  /** What is shown where nothing is chosen. */
  all?: string;
}) {
  return (
    <label>
      <span>{label}</span>
      <select
        value={query.value.get(name) ?? ""}
        onChange={(event) => setQuery({ [name]: event.currentTarget.value || null }, true)}
      >
        <option value="">{all}</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** How long typing may pause before the list is read. */
const PAUSE = 250;

/** A text, such as a search. */
export function TextFilter({
  name,
  label,
  type = "search",
  placeholder,
}: {
  name: string;
  label: string;
  type?: "search" | "date" | "month";
  placeholder?: string;
}) {
  const given = query.value.get(name) ?? "";
  const [text, setText] = useState(given);
  const timer = useRef(0);
  useEffect(() => setText(given), [given]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <label>
      <span>{label}</span>
      <input
        {...({ type } as { type: "search" })}
        value={text}
        placeholder={placeholder}
        onInput={(event) => {
          const value = event.currentTarget.value;
          setText(value);
          clearTimeout(timer.current);
          timer.current = window.setTimeout(
            () => setQuery({ [name]: value || null }, true),
            type === "search" ? PAUSE : 0,
          );
        }}
      />
    </label>
  );
}

/** The filters' values, for the read. */
export function filters(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => (query.value.get(name) ? [[name, query.value.get(name) ?? ""]] : [])),
  );
}
