/** The proof of the figure: checked here in the browser, or as a file to be checked offline. */
import { useState } from "preact/hooks";
import { here } from "../../api/ask";
import { may } from "../../state/session";
import { type Verdict, VerdictList, verdictOf } from "../Verdict";

export function Proof({ query, position }: { query: Record<string, string>; position: number }) {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [busy, setBusy] = useState(false);
  if (!may("auditor")) return <p class="seal soft">At position {position.toLocaleString()}.</p>;
  const href = here("/api/v1/tenants/{tenant}/proof", {}, query);
  const verify = async () => {
    setBusy(true);
    const found = await verdictOf(async () => {
      const response = await fetch(href, { credentials: "same-origin" });
      const text = await response.text();
      if (!response.ok)
        throw new Error((JSON.parse(text) as { detail?: string }).detail ?? `status ${response.status}`);
      const { check } = await import("../../verify/bundle");
      return check(text);
    });
    setVerdict(found);
    setBusy(false);
  };
  return (
    <footer>
      <div class="seal">
        <span class="soft">At position {position.toLocaleString()}. Offline: factfold verify FILE</span>
        <span class="row">
          <button type="button" class="control" disabled={busy} onClick={() => void verify()}>
            Verify here
          </button>
          <a class="control" href={href} download={`proof-${query.model}-${query.field}.json`}>
            Download proof
          </a>
        </span>
      </div>
      <VerdictList verdict={verdict} />
    </footer>
  );
}
