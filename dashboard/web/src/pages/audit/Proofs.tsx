/** What an auditor checks without trusting the server: the checkpoint, and bundles that prove a figure. */
import { BundleCheck } from "./BundleCheck";
import { CheckpointView } from "./CheckpointView";

export function Proofs() {
  return (
    <div class="stack narrow">
      <CheckpointView />
      <BundleCheck />
    </div>
  );
}
