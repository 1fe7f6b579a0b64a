/** Signed notes (C2SP signed-note) and checkpoints (C2SP tlog-checkpoint), verified with Ed25519 by the browser. */
import { type Bytes, Refused, fromBase64, hex, same, sha256, utf8 } from "./bytes";

interface Verifier {
  name: string;
  id: Bytes;
  key: Bytes;
}

/** A key as it is written: `NAME+ID+KEY`. */
export async function verifier(text: string): Promise<Verifier> {
  const [, name, number, rest] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text.trim()) ?? [];
  if (!name || !number || !rest) throw new Refused("key: not a verifier key");
  const key = fromBase64(rest, "key");
  const id = (await sha256(utf8(`${name}\n`), key)).slice(0, 4);
  if (key[0] !== 1 || key.length !== 33 || hex(id) !== number) throw new Refused("key: not a verifier key of Ed25519");
  return { name, id, key: key.slice(1) };
}

async function isSigned(key: Bytes, message: Bytes, signature: Bytes): Promise<boolean> {
  try {
    const known = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, known, signature, message);
  } catch (error) {
    if ((error as Error).name !== "NotSupportedError") return false;
    throw new Error("this browser does not know Ed25519; a newer one does, and so does factfold verify");
  }
}

/** The name of the key and the text of a note that it has signed. */
export async function signedText(note: string, key: string, what: string): Promise<{ name: string; text: string }> {
  const { name, id, key: known } = await verifier(key);
  const blank = note.lastIndexOf("\n\n");
  if (blank < 0 || !note.endsWith("\n")) throw new Refused(`${what}: not a signed note`);
  const text = note.slice(0, blank + 1);
  for (const line of note.slice(blank + 2, -1).split("\n")) {
    const [dash, who, signature] = line.split(" ");
    if (dash !== "—" || who !== name) continue;
    const bytes = fromBase64(signature, what);
    if (!same(bytes.slice(0, 4), id)) continue;
    if (!(await isSigned(known, utf8(text), bytes.slice(4)))) throw new Refused(`${what}: its signature does not hold`);
    return { name, text };
  }
  throw new Refused(`${what}: it is not signed by the key`);
}

/** What a checkpoint says. */
export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
}

/** A checkpoint that the key has signed. */
export async function opened(note: string, key: string): Promise<Checkpoint> {
  const { name, text } = await signedText(note, key, "checkpoint");
  const [origin = "", size = "", root = "", ...rest] = text.split("\n");
  if (rest.length !== 1 || rest[0] !== "" || !/^(0|[1-9]\d{0,14})$/.test(size))
    throw new Refused("checkpoint: not origin, size and root");
  if (origin !== name) throw new Refused(`checkpoint: it is of ${origin}, and the key of ${name}`);
  return { origin, size: Number(size), root: fromBase64(root, "checkpoint") };
}
