/** Bytes as proofs spell them, and the hash that everything rests on. */

/** Names what does not hold. Any other error says that it could not be checked. */
export class Refused extends Error {
  readonly isRefused = true;
}

export type Bytes = Uint8Array<ArrayBuffer>;

export function joined(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

export function utf8(text: string): Bytes {
  return new Uint8Array(new TextEncoder().encode(text));
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Lower-case hexadecimal digits of so many bytes. */
export function fromHex(text: unknown, what: string, length = 32): Bytes {
  if (typeof text !== "string" || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text))
    throw new Refused(`${what}: not ${2 * length} hexadecimal digits`);
  return new Uint8Array(Array.from({ length }, (_, index) => parseInt(text.slice(2 * index, 2 * index + 2), 16)));
}

/** Base64 as it is written: padded, and the only spelling of its bytes. */
export function fromBase64(text: unknown, what: string): Bytes {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    throw new Refused(`${what}: not base64`);
  const binary = atob(text);
  if (btoa(binary) !== text) throw new Refused(`${what}: not base64`);
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

export async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  // Browsers have the algorithms only on pages that came by https, or from this machine.
  if (!globalThis.crypto?.subtle) throw new Error("this browser verifies only on https or on this machine");
  return new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)));
}
