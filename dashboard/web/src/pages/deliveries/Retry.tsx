/** Maps a delivery in quarantine again; what came of it is told beside the button. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import type { Answer } from "../../api/client";
import { useCommand } from "../../api/use_command";
import { Refused } from "../../components/Refused";
import { words } from "../../format";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";

export type Held = Answer<"/api/v1/tenants/{tenant}/quarantine">["items"][number];

export function Retry({ held }: { held: Held }) {
  const command = useCommand();
  const [told, setTold] = useState("");
  if (!may("operator") || !isNow.value || held.state !== "open") return null;
  const retry = async () => {
    const done = await command.run(() =>
      ask("post", "/api/v1/tenants/{tenant}/quarantine/{quarantine_id}/retry", {
        filling: { quarantine_id: held.quarantine_id },
      }),
    );
    if (done) setTold(done.answer.state === "open" ? "Not understood yet" : words(done.answer.outcome));
  };
  return (
    <>
      <button class="link" disabled={command.busy} onClick={() => void retry()}>
        Retry
      </button>
      {told && <span role="status"> {told}</span>}
      <Refused problem={command.problem} />
    </>
  );
}
