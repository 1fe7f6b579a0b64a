/** Requests to the API, typed by its own document: a route, parameter or member that is gone breaks the type check. */
import type { paths } from "./schema";

type Parameters<P extends keyof paths> = paths[P] extends { get: { parameters: { query?: infer Q } } }
  ? NonNullable<Q>
  : never;
type Content<R, S extends number> = R extends { responses: infer A }
  ? S extends keyof A
    ? A[S] extends { content: { "application/json": infer T } }
      ? T
      : never
    : never
  : never;

/** What GET of a route answers. */
export type Answer<P extends keyof paths> = paths[P] extends { get: infer G } ? Content<G, 200> : never;
/** The parameters of GET of a route. */
export type Query<P extends keyof paths> = Partial<Parameters<P>>;
/** A route that can be read. */
export type Route = { [P in keyof paths]: Answer<P> extends never ? never : P }[keyof paths];

/** Values of the braces in a route. */
export type Filling = Record<string, string | number>;

/** An answer that is not a success. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly code: string,
    readonly requestId: string | null,
    readonly errors: { pointer: string; message: string }[],
  ) {
    super(detail || title);
  }
}

/** What went wrong, where it may be something that no answer says. */
export function problemOf(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "Unexpected error", String(error), "", null, []);
}

/** The address of a route. */
export function address(route: string, filling: Filling, query: object = {}): string {
  const filled = route.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(filling[name] ?? "")));
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return filled + (text ? `?${text}` : "");
}

async function problem(response: Response): Promise<Problem> {
  const id = response.headers.get("x-request-id");
  try {
    const body = await response.json();
    return new Problem(
      response.status,
      body.title ?? "Error",
      body.detail ?? "",
      body.code ?? "",
      body.request_id ?? id,
      body.errors ?? [],
    );
  } catch {
    return new Problem(response.status, response.statusText || `Status ${response.status}`, "", "", id, []);
  }
}

async function send(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...init });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new Problem(
      0,
      "The server cannot be reached",
      "No answer came. It may be stopped, or the network is down.",
      "unreachable",
      null,
      [],
    );
  }
  if (!response.ok) throw await problem(response);
  return response;
}

/** Reads a route. `no-cache` lets the browser ask with the ETag that it has. */
export async function get<P extends Route>(
  route: P,
  filling: Filling = {},
  query: Query<P> = {},
  signal?: AbortSignal,
): Promise<Answer<P>> {
  return (await read(address(route, filling, query), signal)) as Answer<P>;
}

/** Reads an address. */
export async function read(url: string, signal?: AbortSignal): Promise<unknown> {
  const response = await send(url, {
    cache: "no-cache",
    headers: { accept: "application/json" },
    ...(signal && { signal }),
  });
  return response.json();
}

/** Asks for a change. The answer is JSON, or null where there is none. */
export async function change(
  method: "POST" | "PUT" | "DELETE" | "PATCH",
  url: string,
  body?: unknown,
  key?: string,
): Promise<unknown> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  const response = await send(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
  return response.status === 204 ? null : response.json();
}
