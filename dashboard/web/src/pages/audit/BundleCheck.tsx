/** Verifies a bundle that proves a figure, in the browser, by its file. */
import { useState } from "preact/hooks";
import { Field } from "../../components/Field";
import { type Verdict, VerdictList, verdictOf } from "../../components/Verdict";

/** Largest file; a bundle of 100,000 facts has some 60 MB. */
const BYTES_MAX = 256 * 1024 * 1024;

export function BundleCheck() {
  const [key, setKey] = useState("");
  const [checkpoint, setCheckpoint] = useState("");
  const [file, setFile] = useState<File | null>(null);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [busy, setBusy] = useState(false);
  const verify = async () => {
    if (!file) return;
    setBusy(true);
    setVerdict(null);
    const found = await verdictOf(async () => {
      if (file.size > BYTES_MAX) throw new Error("the file is too large for a page: factfold verify takes it");
      const { check } = await import("../../verify/bundle");
      return check(await file.text(), key, checkpoint);
    });
    setVerdict(found);
    setBusy(false);
  };
  return (
    <section aria-label="Verify a proof">
      <header class="section-head">
        <h2>Verify a proof</h2>
      </header>
      <p class="soft">
        “Download proof” of any figure gives a file. It is checked here, in this browser: nothing is sent. Who trusts
        neither server nor page checks it with <code>factfold verify FILE</code> or{" "}
        <code>python3 fixtures/verify.py FILE</code>.
      </p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault();
          void verify();
        }}
      >
        <label class="field">
          <span>Proof</span>
          <input
            type="file"
            accept=".json,.proof,application/json"
            required
            onChange={(event) => {
              setFile(event.currentTarget.files?.[0] ?? null);
              setVerdict(null);
            }}
          />
        </label>
        <Field
          label="Key that was kept elsewhere"
          value={key}
          set={setKey}
          placeholder="factfold/…+…+…"
          hint="Without it the bundle's own key counts, which proves nothing of who made it."
        />
        <Field label="Checkpoint that was kept elsewhere" rows={4} value={checkpoint} set={setCheckpoint} />
        <div class="row">
          <button class="control primary" disabled={busy || !file}>
            Verify
          </button>
        </div>
      </form>
      <VerdictList verdict={verdict} />
    </section>
  );
}
