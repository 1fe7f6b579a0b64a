/** The views of a page, one of them open; which one stands in the query. */
import { useEffect, useRef } from "preact/hooks";
import { query, setQuery } from "../state/router";

/** The view in the query, else the first. */
export function shownView<N extends string>(views: readonly (readonly [N, string])[]): N {
  const given = query.value.get("view");
  return (views.find(([name]) => name === given) ?? views[0])?.[0] as N;
}

interface ViewsProps {
  views: readonly (readonly [string, string])[];
  /** Parameters of the view that is left. */
  leave?: string[];
}

export function Views({ views, leave = [] }: ViewsProps) {
  const view = shownView(views);
  const place = useRef<HTMLDivElement>(null);
  // On a phone not all of them fit: the open one is in sight.
  useEffect(() => {
    place.current?.querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [view]);
  const gone = Object.fromEntries(leave.map((name) => [name, null]));
  return (
    <div ref={place} class="segments wide-segments no-print" role="group" aria-label="View">
      {views.map(([name, text], index) => (
        <button
          key={name}
          aria-pressed={name === view}
          onClick={() => setQuery({ ...gone, view: index === 0 ? null : name })}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
