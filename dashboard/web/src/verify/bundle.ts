/**
 * Checks a proof bundle in the browser, by the rules of docs/proofs.md and of fixtures/proof_bundle.py.
 *
 * Recomputed: each fact's leaf, from all leaves and the proof the root that the checkpoint has, the checkpoint's signature,
 * what a contribution says of its fact, the sum of the deltas. Rows, and so why a fact has its delta, are recomputed by
 * `factfold verify` alone.
 */
import { type Bytes, Refused, fromHex, hex, same, sha256, utf8 } from "./bytes";
import { KINDS } from "./kinds";
import { type Lexed, Numeral, canonical, lexed } from "./lexed";
import { opened, signedText, verifier } from "./note";
import { type Header, opened as openedFact, whole } from "./record";
import { rootOf } from "./tree";

const FORMAT = "factfold-proof/1";
const MEMBERS =
  "format tenant figure value unit rule formula contributions total contributing_subjects position at occurred_until model_version rules checkpoint key facts proof not_proven signed".split(
    " ",
  );

type Members = Map<string, Lexed>;

const list = (value: Lexed | undefined, what: string): Lexed[] => {
  if (!Array.isArray(value)) throw new Refused(`${what}: not a list`);
  return value;
};
const text = (value: Lexed | undefined, what: string): string => {
  if (typeof value !== "string") throw new Refused(`${what}: not a text`);
  return value;
};

/** Checks what a contribution says of its fact. */
function contribution(told: Members, header: Header, position: number): void {
  const differs = (member: string) => new Refused(`contributions: position ${position}: ${member} is not the fact's`);
  for (const member of ["provider", "external_id", "recorded_at"] as const)
    if (told.get(member) !== header[member]) throw differs(member);
  if (told.has("replaced_by")) return;
  if (told.get("occurred_at") !== header.occurred_at) throw differs("occurred_at");
  const kind = KINDS.get(text(told.get("kind"), "contributions"));
  if (kind !== undefined && kind !== header.kind) throw differs("kind");
}

/** Checks the sum of the deltas against total, value and the number of subjects. */
function sum(bundle: Members, headers: Map<number, Header>): void {
  const subjects = new Set<string>();
  let total = 0n;
  for (const told of list(bundle.get("contributions"), "contributions")) {
    if (!(told instanceof Map)) throw new Refused("contributions: unknown or missing members");
    const position = Number(whole(told.get("position"), "contributions"));
    const header = headers.get(position);
    if (!header) throw new Refused(`contributions: the fact at position ${position} is not in the bundle`);
    contribution(told, header, position);
    subjects.add(canonical(told.get("subject") ?? null));
    const delta = told.get("delta") ?? null;
    if (delta !== null) total += whole(delta, "contributions");
  }
  if (bundle.get("total") === null) return;
  if (total !== whole(bundle.get("total"), "total"))
    throw new Refused(`total: the deltas come to ${total}, not ${canonical(bundle.get("total") ?? null)}`);
  const value = bundle.get("value");
  if (value instanceof Numeral && /^-?\d+$/.test(value.text) && total !== BigInt(value.text))
    throw new Refused(`value: the deltas come to ${total}, not ${value.text}`);
  if (BigInt(subjects.size) !== whole(bundle.get("contributing_subjects"), "contributing_subjects"))
    throw new Refused(`contributing_subjects: there are ${subjects.size}`);
}

/** What holds, line by line; throws `Refused` with the name of what does not. */
export async function check(bundleText: string, key?: string, checkpoint?: string): Promise<string[]> {
  const bundle = lexed(bundleText);
  if (!(bundle instanceof Map) || bundle.get("format") !== FORMAT) throw new Refused(`format: not ${FORMAT}`);
  const apart = [
    ...MEMBERS.filter((name) => !bundle.has(name)),
    ...[...bundle.keys()].filter((name) => !MEMBERS.includes(name)),
  ];
  if (apart.length > 0) throw new Refused(`${apart.sort().join(", ")}: unknown or missing`);
  const own = text(bundle.get("key"), "key");
  const known = key?.trim() || own;
  const { size, root } = await opened(text(bundle.get("checkpoint"), "checkpoint"), known);
  const [given, its] = [await verifier(known), await verifier(own)];
  if (given.name !== its.name || !same(given.key, its.key))
    throw new Refused("key: the bundle has another than the one that was given");
  const leaves: [number, Bytes][] = [];
  const headers = new Map<number, Header>();
  const most = Math.min(size, Number(whole(bundle.get("position"), "position")));
  let last = 0;
  for (const fact of list(bundle.get("facts"), "facts")) {
    const { position, leaf, header } = await openedFact(fact);
    if (position <= last || position > most)
      throw new Refused(`facts: position ${position} is out of order, or past the figure's`);
    if (header.tenant !== bundle.get("tenant")) throw new Refused(`facts: position ${position} is of another tenant`);
    last = position;
    leaves.push([position - 1, leaf]);
    headers.set(position, header);
  }
  const proof = list(bundle.get("proof"), "proof").map((hash) => fromHex(hash, "proof"));
  if (!same(await rootOf(0, size, leaves, proof), root) || proof.length > 0)
    throw new Refused(
      "facts: with the proof they do not come to the checkpoint's root: one was changed, added or left out",
    );
  if (checkpoint?.trim()) {
    const other = await opened(`${checkpoint.trimEnd()}\n`, known);
    if (other.size !== size || !same(other.root, root))
      throw new Refused(
        `checkpoint: the bundle stands on one of ${size} facts, and the given one of ${other.size} is another`,
      );
  }
  sum(bundle, headers);
  const rest = new Map([...bundle].filter(([name]) => name !== "signed"));
  const signed = await signedText(text(bundle.get("signed"), "signed"), known, "signed");
  if (signed.text !== `${FORMAT}\n${hex(await sha256(utf8(canonical(rest))))}\n`)
    throw new Refused("signed: the bundle was changed after it was made");
  const said = [
    `${leaves.length.toLocaleString()} facts stand in the log of ${size.toLocaleString()} facts whose checkpoint is signed`,
    bundle.get("total") === null ? "the figure is no sum: its value was not recomputed" : "the deltas sum to the value",
  ];
  if (!key?.trim()) said.push("the key is the bundle's own: compare it with one that was kept elsewhere");
  said.push("rows were not recomputed: factfold verify does");
  said.push(`not proven: ${canonical(bundle.get("not_proven") ?? null).replace(/^"|"$/g, "")}`);
  return said;
}
