/** The newest checkpoint: its text, its signature, and that the log continues the one that this browser kept. */
import { useState } from "preact/hooks";
import { here } from "../../api/ask";
import { type Answer, read } from "../../api/client";
import { useAddress } from "../../api/use_read";
import { Section } from "../../components/Section";
import { type Verdict, VerdictList, verdictOf } from "../../components/Verdict";
import { instant } from "../../format";
import { zone } from "../../state/session";
import { Refused, fromHex } from "../../verify/bytes";

/** What this browser kept of a log: a checkpoint that it has verified. */
interface Kept {
  note: string;
  key: string;
  at: string;
}

const place = (origin: string) => `factfold.checkpoint.${origin}`;

function kept(origin: string): Kept | null {
  try {
    return JSON.parse(localStorage.getItem(place(origin)) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

async function noteText(): Promise<string> {
  const response = await fetch(here("/api/v1/log/checkpoint"), { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return response.text();
}

/** Verifies the newest checkpoint, and that the log only grew since the one that was kept. */
async function verify(note: string, key: string, origin: string): Promise<string[]> {
  const { opened } = await import("../../verify/note");
  const { continues } = await import("../../verify/tree");
  const now = await opened(note, key);
  const said = [`the checkpoint of ${now.size.toLocaleString()} facts is signed by the key`];
  const before = kept(origin);
  if (!before) said.push("this browser had kept none before: it keeps this one, and compares the next with it");
  else if (before.key !== key) throw new Refused("the key is another than the one that this browser kept");
  else {
    const old = await opened(before.note, before.key);
    if (old.size > now.size)
      throw new Refused(`the log was rolled back: this browser has seen ${old.size} facts, and there are ${now.size}`);
    const answer = (await read(here("/api/v1/log/consistency", {}, { from: old.size, to: now.size }))) as {
      proof: string[];
    };
    const proof = answer.proof.map((hash) => fromHex(hash, "proof"));
    if (!(await continues(old.size, old.root, now.size, now.root, proof)))
      throw new Refused("the log does not continue the one that this browser has seen: it was changed");
    said.push(`it continues the one of ${old.size.toLocaleString()} facts kept on ${instant(before.at, zone.value)}`);
  }
  try {
    localStorage.setItem(place(origin), JSON.stringify({ note, key, at: new Date().toISOString() } satisfies Kept));
  } catch {
    said.push("this browser keeps nothing, so the next one is compared with none");
  }
  return said;
}

export function CheckpointView() {
  const key = useAddress<Answer<"/api/v1/log/key">>("/api/v1/log/key");
  const [note, setNote] = useState<string | null>(null);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (origin: string, known: string) => {
    setBusy(true);
    const found = await verdictOf(async () => {
      const text = await noteText();
      setNote(text);
      return verify(text, known, origin);
    });
    setVerdict(found);
    setBusy(false);
  };
  return (
    <Section title="Checkpoint" reading={key}>
      {(data) => (
        <>
          <p class="soft">
            How many facts the log has, and the root of its tree, signed. Keep one elsewhere, and the log can never be
            shortened or changed before it without that being seen.
          </p>
          <dl class="members">
            <dt>Log</dt>
            <dd>
              <code>{data.origin}</code>
            </dd>
            <dt>Key</dt>
            <dd>
              <code>{data.key}</code>
            </dd>
          </dl>
          {note && (
            <pre class="raw" tabIndex={0} aria-label="Checkpoint's text">
              {note}
            </pre>
          )}
          <div class="row">
            <button class="control primary" disabled={busy} onClick={() => void run(data.origin, data.key)}>
              Verify the log
            </button>
            <a class="control" href={here("/api/v1/log/checkpoint")} download="checkpoint.txt">
              Download checkpoint
            </a>
          </div>
          <VerdictList verdict={verdict} />
        </>
      )}
    </Section>
  );
}
