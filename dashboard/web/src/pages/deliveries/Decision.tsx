/** Which content of a conflict shall stand: both ways say first what they do. */
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { Confirm } from "../../components/Confirm";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";

export type Conflict = Answer<"/api/v1/tenants/{tenant}/conflicts">["items"][number];

export function Decision({ conflict }: { conflict: Conflict }) {
  if (!may("operator") || !isNow.value || conflict.state !== "open") return null;
  const filling = { conflict_id: conflict.conflict_id };
  const stands = `fact ${conflict.stands_position.toLocaleString()}`;
  return (
    <span class="actions">
      <Confirm
        label="Accept"
        question="Accept the second content?"
        act={() => ask("post", "/api/v1/tenants/{tenant}/conflicts/{conflict_id}/accept", { filling })}
      >
        <p>
          A correction is recorded, and counts in the place of {stands} from then on. As of earlier positions everything
          stands as it stood; closed months that change are listed as restated. It cannot be undone, only voided.
        </p>
      </Confirm>
      <Confirm
        label="Reject"
        question="Reject the second content?"
        act={() => ask("post", "/api/v1/tenants/{tenant}/conflicts/{conflict_id}/reject", { filling })}
      >
        <p>
          {stands.charAt(0).toUpperCase() + stands.slice(1)} stands, and no figure changes. That this was decided is
          recorded. The same content that comes again is no new conflict.
        </p>
      </Confirm>
    </span>
  );
}
