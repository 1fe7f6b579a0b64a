/** JSON as it was written: a number is its text, for `1.0` is signed as `1.0`, and no member may stand twice. */
import { Refused } from "./bytes";

/** A number by its text. */
export class Numeral {
  constructor(readonly text: string) {}
}

export type Lexed = null | boolean | string | Numeral | Lexed[] | Map<string, Lexed>;

const TOKEN =
  /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))/y;
/** Deepest nesting; a bundle has seven levels. */
const DEPTH_MAX = 64;

export function lexed(text: string): Lexed {
  let at = 0;
  const next = (): RegExpExecArray => {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) throw new Refused("format: not JSON");
    at = TOKEN.lastIndex;
    return found;
  };
  const list = (end: string, item: (token: RegExpExecArray) => void): void => {
    let token = next();
    if (token[1] === end) return;
    for (;;) {
      item(token);
      token = next();
      if (token[1] === end) return;
      if (token[1] !== ",") throw new Refused("format: not JSON");
      token = next();
    }
  };
  const value = (token: RegExpExecArray, depth: number): Lexed => {
    if (depth > DEPTH_MAX) throw new Refused("format: nested too deeply");
    if (token[2] !== undefined) return JSON.parse(token[2]) as string;
    if (token[3] !== undefined) return new Numeral(token[3]);
    if (token[4] !== undefined) return JSON.parse(token[4]) as boolean | null;
    if (token[1] === "[") {
      const items: Lexed[] = [];
      list("]", (first) => items.push(value(first, depth + 1)));
      return items;
    }
    if (token[1] !== "{") throw new Refused("format: not JSON");
    const members = new Map<string, Lexed>();
    list("}", (first) => {
      if (first[2] === undefined) throw new Refused("format: not JSON");
      const name = JSON.parse(first[2]) as string;
      if (next()[1] !== ":") throw new Refused("format: not JSON");
      if (members.has(name)) throw new Refused(`${name}: stands twice`);
      members.set(name, value(next(), depth + 1));
    });
    return members;
  };
  let whole: Lexed;
  try {
    whole = value(next(), 0);
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("format: not JSON");
  }
  if (text.slice(at).trim() !== "") throw new Refused("format: more than one JSON value");
  return whole;
}

/** By code points, as bytes of UTF-8 sort. */
function order(one: string, other: string): number {
  const [left, right] = [[...one], [...other]];
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const apart = (left[index]?.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? 0);
    if (apart !== 0) return apart;
  }
  return left.length - right.length;
}

/** The one spelling that is signed: members sorted, no spaces. */
export function canonical(value: Lexed): string {
  if (value instanceof Numeral) return value.text;
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value instanceof Map) {
    const members = [...value].sort(([one], [other]) => order(one, other));
    return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
