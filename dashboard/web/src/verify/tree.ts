/** The hash tree of RFC 6962: its root from known leaves and a proof, audit paths, and that one tree continues another. */
import { type Bytes, Refused, joined, same, sha256 } from "./bytes";

const NODE = new Uint8Array([1]);
const node = (left: Bytes, right: Bytes) => sha256(NODE, left, right);

/** The largest power of two that is less than `n`. */
function split(n: number): number {
  let half = 1;
  while (half * 2 < n) half *= 2;
  return half;
}

/** The root over leaves from `first` to `end`, from those that are known and hashes of the rest, which are used up. */
export async function rootOf(first: number, end: number, leaves: [number, Bytes][], proof: Bytes[]): Promise<Bytes> {
  const [only] = leaves;
  if (!only) {
    const hash = proof.shift();
    if (!hash)
      throw new Refused("facts: with the proof they do not come to the checkpoint's root: one was left out, or a hash");
    return hash;
  }
  if (end - first === 1) return only[1];
  const middle = first + split(end - first);
  const left = await rootOf(
    first,
    middle,
    leaves.filter(([index]) => index < middle),
    proof,
  );
  const right = await rootOf(
    middle,
    end,
    leaves.filter(([index]) => index >= middle),
    proof,
  );
  return node(left, right);
}

/** Whether the tree of `to` leaves continues the one of `from` (RFC 9162, 2.1.4.2). */
export async function continues(
  from: number,
  fromRoot: Bytes,
  to: number,
  toRoot: Bytes,
  proof: Bytes[],
): Promise<boolean> {
  if (from === to) return proof.length === 0 && same(fromRoot, toRoot);
  if (from === 0) return proof.length === 0;
  if (from > to) return false;
  const path = Number.isInteger(Math.log2(from)) ? [fromRoot, ...proof] : [...proof];
  let [one, other] = [from - 1, to - 1];
  while (one % 2 === 1) [one, other] = [Math.floor(one / 2), Math.floor(other / 2)];
  const begin = path.shift();
  if (!begin) return false;
  let [old, young] = [begin, begin];
  for (const hash of path) {
    if (other === 0) return false;
    if (one % 2 === 1 || one === other) {
      [old, young] = [await node(hash, old), await node(hash, young)];
      while (one !== 0 && one % 2 === 0) [one, other] = [one / 2, Math.floor(other / 2)];
    } else young = await node(young, hash);
    [one, other] = [Math.floor(one / 2), Math.floor(other / 2)];
  }
  return other === 0 && same(old, fromRoot) && same(young, toRoot);
}

/** The hash of a leaf's parts. */
export const leafHash = (...parts: Uint8Array[]) => sha256(new Uint8Array([0]), joined(...parts));

/** The root that a leaf and its audit path come to (RFC 9162, 2.1.3.2); null where the path has another length. */
export async function rootAbove(leaf: Bytes, index: number, size: number, path: Bytes[]): Promise<Bytes | null> {
  let [at, last] = [index, size - 1];
  let hash = leaf;
  for (const other of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      hash = await node(other, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else hash = await node(hash, other);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? hash : null;
}
