/** Changes, typed by the API's own document: a route, a member of a body or of an answer that is gone breaks the type check. */
import { change, address, type Filling } from "./client";
import type { paths } from "./schema";
import { tenant } from "../state/session";

type Verb = "post" | "put" | "patch" | "delete";
/** Routes that have a verb. */
type RouteOf<V extends Verb> = { [P in keyof paths]: paths[P] extends Record<V, object> ? P : never }[keyof paths];
type Operation<P extends keyof paths, V extends Verb> = paths[P] extends Record<V, infer O> ? O : never;
type Body<O> = O extends { requestBody?: { content: { "application/json": infer B } } } ? B : undefined;
type Json<R> = R extends { content: { "application/json": infer T } } ? T : never;
type Good<O> = O extends { responses: infer R } ? Json<R[keyof R & (200 | 201 | 202)]> : never;
/** What a change answers; null where it answers nothing. */
export type Done<V extends Verb, P extends RouteOf<V>> = [Good<Operation<P, V>>] extends [never]
  ? null
  : Good<Operation<P, V>>;

interface Options<B> {
  filling?: Filling;
  query?: Record<string, string | number | null | undefined>;
  body?: B;
  /** A key under which the change is made once, however often it is asked for. */
  key?: string;
}

/** The address of a route, of the workspace in the path where it is of one. */
export function here(route: keyof paths, filling: Filling = {}, query: object = {}): string {
  return address(route, { tenant: tenant.value ?? "", ...filling }, query);
}

/** Asks for a change. */
export async function ask<V extends Verb, P extends RouteOf<V>>(
  verb: V,
  route: P,
  { filling, query, body, key }: Options<Body<Operation<P, V>>> = {},
): Promise<Done<V, P>> {
  const method = verb.toUpperCase() as Uppercase<V>;
  return (await change(method, here(route, filling, query), body, key)) as Done<V, P>;
}
