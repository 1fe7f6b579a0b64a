/** Group and tag of each kind in a record's header; a kind's tag is its place, from 1. */
const GROUPS: Record<number, string> = {
  1: "call_reported call_disposed call_recorded call_placed",
  2: "session_started session_resumed session_ended lead_attempted lead_reserved session_timed_out",
  3: "email_sent lead_replied lead_interested email_bounced lead_unsubscribed lead_staged",
  4: "sender_account_observed sender_account_added sender_account_disconnected sender_account_reconnected sender_account_removed",
  5: "sync_started sync_finished snapshot_taken difference_observed coverage_observed",
  6: "ad_spend_observed",
  7: "note_written note_removed",
  8: "report_published report_withdrawn target_set report_drafted",
  10: "tenant_configured tenant_closed",
};

export const KINDS = new Map(
  Object.entries(GROUPS).flatMap(([group, kinds]) =>
    kinds.split(" ").map((kind, index): [string, string] => [kind, `${group} ${index + 1}`]),
  ),
);
