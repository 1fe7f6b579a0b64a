/** A part of a page with its own heading, its state of loading and its error. */
import type { ComponentChildren } from "preact";
import type { Reading } from "../api/use_read";
import { Failure } from "./Failure";
import { Skeleton } from "./Skeleton";

interface SectionProps<T> {
  title: string;
  reading: Reading<T>;
  /** Beside the heading. */
  aside?: ComponentChildren;
  lines?: number;
  children: (data: T) => ComponentChildren;
}

export function Section<T>({ title, reading, aside, lines = 4, children }: SectionProps<T>) {
  const { data, error, loading, reload } = reading;
  return (
    <section aria-label={title} class={loading && data ? "stale" : ""} aria-busy={loading}>
      <header class="section-head">
        <h2>{title}</h2>
        <span class="grow" />
        {aside}
      </header>
      {error && data === null ? (
        <Failure problem={error} retry={reload} />
      ) : data === null ? (
        <Skeleton lines={lines} />
      ) : (
        children(data)
      )}
    </section>
  );
}
