/** The frame of a table that is no list of the API: a region that scrolls, and its head. */
import type { ComponentChildren } from "preact";

interface TableProps {
  title: string;
  /** Titles of the columns; "n" are numbers. */
  head: readonly (readonly [string, "n"?])[];
  /** The rows. */
  children: ComponentChildren;
}

export function Table({ title, head, children }: TableProps) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, table`}>
      <table>
        <thead>
          <tr>
            {head.map(([name, number]) => (
              <th key={name} scope="col" class={number}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
