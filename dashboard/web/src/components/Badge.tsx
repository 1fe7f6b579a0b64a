/** A state as a word with a mark; the colour says nothing that the word does not. */
import { words } from "../format";

const TONES: Record<string, string> = {
  qualified: "good",
  success: "good",
  connected: "good",
  published: "good",
  above: "good",
  on_track: "good",
  ok: "good",
  active: "good",
  won: "good",
  interested: "good",
  low: "warn",
  running: "warn",
  draft: "plain",
  warn: "warn",
  open: "warn",
  quoting: "plain",
  failed: "bad",
  below: "bad",
  critical: "bad",
  disconnected: "bad",
  lost: "bad",
  bounced: "bad",
  withdrawn: "bad",
  voided: "bad",
  conflict: "warn",
  quarantined: "warn",
  refused: "bad",
  accepted: "good",
  resolved: "good",
  recorded: "good",
};

export function Badge({ state, text }: { state: string | null | undefined; text?: string }) {
  if (!state) return null;
  const tone = TONES[state] ?? "plain";
  return <span class={`badge ${tone}`}>{text ?? words(state)}</span>;
}
