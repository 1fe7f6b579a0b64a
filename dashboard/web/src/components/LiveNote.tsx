/** Says that figures do not follow the log at the moment, and since when. */
import { useEffect, useState } from "preact/hooks";
import { lostSince } from "../state/live";
import { duration } from "../format";

/** How long a connection may be away before it is worth a word. */
const GRACE = 1_500;

export function LiveNote() {
  const [now, setNow] = useState(Date.now());
  const since = lostSince.value;
  useEffect(() => {
    if (since === null) return;
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [since]);
  if (since === null || now - since < GRACE) return null;
  return (
    <p class="banner quiet">
      <span>
        Connection lost for {duration((now - since) / 1000)}. These figures are as they were then; trying again.
      </span>
    </p>
  );
}
