/** A list from the API as a table: whole rows that open, "Load more", new rows behind a pill, the whole list as CSV. */
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { address, type Filling } from "../api/client";
import { type Listing, usePages } from "../api/use_pages";
import { written } from "../state/live";
import { isNow, moment } from "../state/moment";
import { go } from "../state/router";
import { tenant } from "../state/session";
import { Failure } from "./Failure";
import { Skeleton } from "./Skeleton";

export interface Column<T> {
  title: string;
  /** Right-aligned. */
  number?: boolean;
  /** The row's heading for those who hear it. */
  heading?: boolean;
  cell: (item: T) => ComponentChildren;
}

interface DataTableProps<T> {
  title: string;
  route: string;
  filling?: Filling;
  query?: Record<string, string | number | null | undefined>;
  id: (item: T) => string;
  columns: Column<T>[];
  /** Where a row leads. */
  open?: (item: T) => string | null;
  empty: ComponentChildren;
  /** Whether the list can be had as CSV. */
  csv?: boolean;
  /** Whether the route takes no moment. */
  timeless?: boolean;
  /** How many rows come at a time. */
  page?: number;
  /** Whether new rows come in at once. */
  follow?: boolean;
}

/** The list of a route of the workspace at the moment that is looked at. */
export function useList<T>(
  route: string,
  filling: Filling,
  query: object,
  id: (item: T) => string,
  timeless = false,
): Listing<T> & { url: string } {
  const url = address(
    route,
    { tenant: tenant.value ?? "", ...filling },
    { ...(timeless ? {} : moment.value), ...query },
  );
  return { ...usePages<T>(url, id, isNow.value ? written.value : 0), url };
}

/** Opens the row, unless what was clicked does something itself. */
function opens(event: Event): boolean {
  return !(event.target as Element).closest("a, button, input, select, audio, summary");
}

function Row<T>({ item, columns, open }: { item: T; columns: Column<T>[]; open: string | null }) {
  const act =
    open === null
      ? {}
      : {
          "data-open": true,
          onClick: (event: MouseEvent) => opens(event) && go(open),
          onKeyDown: (event: KeyboardEvent) => event.key === "Enter" && opens(event) && go(open),
        };
  return (
    <tr data-row tabIndex={0} {...act}>
      {columns.map((column) => {
        const content = column.cell(item);
        if (column.heading) {
          return (
            <th key={column.title} scope="row">
              {open === null ? content : <a href={open}>{content}</a>}
            </th>
          );
        }
        return (
          <td key={column.title} class={column.number ? "n" : undefined}>
            {content}
          </td>
        );
      })}
    </tr>
  );
}

export function DataTable<T>({
  title,
  route,
  filling = {},
  query = {},
  id,
  columns,
  open,
  empty,
  csv = true,
  timeless,
  follow = false,
  page = 50,
}: DataTableProps<T>) {
  const list = useList<T>(route, filling, { limit: page, ...query }, id, timeless);
  useEffect(() => {
    if (follow && list.fresh > 0) list.showFresh();
  }, [follow, list.fresh]);
  const file = address(
    route,
    { tenant: tenant.value ?? "", ...filling },
    { ...(timeless ? {} : moment.value), ...query, format: "csv", bom: true },
  );
  if (list.error && list.items.length === 0) return <Failure problem={list.error} retry={list.reload} />;
  if (list.loading && list.items.length === 0) return <Skeleton lines={10} />;
  if (list.items.length === 0 && list.fresh === 0) return <>{empty}</>;
  return (
    <div class={list.loading ? "stale" : ""}>
      {list.fresh > 0 && (
        <button class="pill" onClick={list.showFresh}>
          {list.fresh} new
        </button>
      )}
      <div class="scroll" tabIndex={0} role="region" aria-label={`${title}, table`}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.title} scope="col" class={column.number ? "n" : undefined}>
                  {column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {list.items.map((item) => (
              <Row key={id(item)} item={item} columns={columns} open={open?.(item) ?? null} />
            ))}
          </tbody>
        </table>
      </div>
      <div class="list-foot no-print">
        {list.more && (
          <button class="control" disabled={list.loadingMore} onClick={list.more}>
            Load more
          </button>
        )}
        <span>
          {list.items.length.toLocaleString()} {list.more ? "shown" : list.items.length === 1 ? "row" : "rows"}
        </span>
        {csv && (
          <a href={file} download>
            Download CSV
          </a>
        )}
      </div>
      {list.error && <Failure problem={list.error} retry={list.reload} />}
    </div>
  );
}
