/** Verifies in the browser that the fact stands in the log whose checkpoint is signed. */
import { useState } from "preact/hooks";
import { here } from "../../api/ask";
import { read } from "../../api/client";
import { Refused, fromHex, hex, same } from "../../verify/bytes";
import { type Verdict, VerdictList, verdictOf } from "../../components/Verdict";

interface Inclusion {
  leaf: string;
  root: string;
  size: number;
  proof: string[];
}

async function verify(position: number): Promise<string[]> {
  const [{ opened }, { rootAbove }] = await Promise.all([import("../../verify/note"), import("../../verify/tree")]);
  const { key } = (await read(here("/api/v1/log/key"))) as { key: string };
  const response = await fetch(here("/api/v1/log/checkpoint"), { credentials: "same-origin", cache: "no-store" });
  const checkpoint = await opened(await response.text(), key);
  const url = here("/api/v1/log/proof/{position}", { position }, { size: checkpoint.size });
  const told = (await read(url)) as Inclusion;
  const proof = told.proof.map((hash) => fromHex(hash, "proof"));
  const root = await rootAbove(fromHex(told.leaf, "leaf"), position - 1, checkpoint.size, proof);
  if (!root || !same(root, checkpoint.root))
    throw new Refused(`leaf and proof do not come to the root ${hex(checkpoint.root).slice(0, 16)}… that is signed`);
  return [
    `its leaf ${told.leaf.slice(0, 16)}… stands at position ${position.toLocaleString()} of the log of ${checkpoint.size.toLocaleString()} facts`,
    "that log's root is signed by its key",
    "the leaf was taken as told: a figure's proof, or an export, recomputes it from the fact",
  ];
}

export function InLog({ position }: { position: number }) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    setVerdict(await verdictOf(() => verify(position)));
    setBusy(false);
  };
  return (
    <>
      <button class="control" disabled={busy} onClick={() => void run()}>
        Verify that it is in the log
      </button>
      <VerdictList verdict={verdict} />
    </>
  );
}
