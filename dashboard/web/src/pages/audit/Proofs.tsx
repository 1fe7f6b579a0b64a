/** What an auditor checks without trusting the server: the checkpoint, and bundles that prove a figure. */
import { isGlobal } from "../../state/session";
import { BundleCheck } from "./BundleCheck";
import { CheckpointView } from "./CheckpointView";

export function Proofs() {
  return (
    <div class="stack narrow">
      {isGlobal() && <CheckpointView />}
      <BundleCheck />
    </div>
  );
}
