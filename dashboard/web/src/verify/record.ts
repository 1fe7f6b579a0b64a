/** A fact as it was hashed: its header, its public body, and the hashes of what is not shown. */
import { type Bytes, Refused, fromBase64, fromHex } from "./bytes";
import { type Lexed, Numeral } from "./lexed";
import { leafHash } from "./tree";

/** What a header says of its fact. */
export interface Header {
  tenant: string;
  provider: string;
  external_id: string;
  occurred_at: string;
  recorded_at: string;
  /** Group and tag of the kind. */
  kind: string;
}

const MEMBERS = ["position", "header", "public", "personal", "original"];

/** Micros since 1970 as an instant: without a fraction, with three digits or with six, as few as say it. */
function instant(micros: bigint): string {
  const million = 1_000_000n;
  const second = micros / million - (micros % million < 0n ? 1n : 0n);
  const rest = Number(micros - second * million);
  const text = new Date(Number(second) * 1_000).toISOString().slice(0, 19);
  if (rest === 0) return `${text}Z`;
  const digits = String(rest).padStart(6, "0");
  return `${text}.${rest % 1_000 === 0 ? digits.slice(0, 3) : digits}Z`;
}

function headerOf(bytes: Bytes): Header {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let at = 47;
  const text = (length: number) => {
    if (at + length > bytes.length) throw new RangeError();
    at += length;
    return decoder.decode(bytes.slice(at - length, at));
  };
  const [recorded, occurred] = [view.getBigInt64(1, true), view.getBigInt64(9, true)];
  const tenant = text(view.getUint8(at++));
  const provider = text(view.getUint8(at++));
  const length = view.getUint16(at, true);
  at += 2;
  return {
    tenant,
    provider,
    external_id: text(length),
    occurred_at: instant(occurred),
    recorded_at: instant(recorded),
    kind: `${bytes[18]} ${bytes[19]}`,
  };
}

/** Length of a part before it. */
function long(part: Bytes): Bytes {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, part.length, true);
  return length;
}

/** A whole number of a bundle. */
export function whole(value: Lexed | undefined, what: string): bigint {
  if (!(value instanceof Numeral) || !/^-?\d+$/.test(value.text)) throw new Refused(`${what}: not a whole number`);
  return BigInt(value.text);
}

/** Position, leaf and header of a fact of a bundle. */
export async function opened(fact: Lexed): Promise<{ position: number; leaf: Bytes; header: Header }> {
  if (!(fact instanceof Map) || [...fact.keys()].some((name) => !MEMBERS.includes(name)))
    throw new Refused("facts: unknown or missing members");
  const position = Number(whole(fact.get("position"), "facts"));
  const what = `facts: position ${position}`;
  const header = fromBase64(fact.get("header"), what);
  const body = fromBase64(fact.get("public"), what);
  const hash = (name: string) => (fact.has(name) ? fromHex(fact.get(name), `${what}: ${name}`) : new Uint8Array(32));
  const leaf = await leafHash(long(header), header, long(body), body, hash("personal"), hash("original"));
  try {
    return { position, leaf, header: headerOf(header) };
  } catch {
    throw new Refused(`${what}: its header cannot be read`);
  }
}
