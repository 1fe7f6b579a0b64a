/** Tells those who hear the page that figures have changed, politely, and at most every ten seconds. */
import { useEffect, useRef, useState } from "preact/hooks";
import { revision } from "../state/live";

const EVERY = 10_000;

export function Announcer() {
  const [said, setSaid] = useState("");
  const last = useRef(0);
  const count = revision.value;
  useEffect(() => {
    if (count === 0 || Date.now() - last.current < EVERY) return;
    last.current = Date.now();
    setSaid(`Figures changed at ${new Date().toLocaleTimeString()}`);
  }, [count]);
  return (
    <div class="unseen" aria-live="polite">
      {said}
    </div>
  );
}
