/** How fresh the synced data is, in the server's words; with error and next try where the last run failed. */
import { useEffect } from "preact/hooks";
import { ask } from "../api/ask";
import { useRead } from "../api/use_read";
import { shortInstant } from "../format";
import { wrote } from "../state/live";
import { isNow } from "../state/moment";
import { may, zone } from "../state/session";

/** How often the age in the text is asked for anew; and while a run goes on, whose tries no fact tells of. */
const EVERY = 30_000;
const EVERY_RUNNING = 1_000;

export function SyncBanner() {
  const { data, error, reload } = useRead("/api/v1/tenants/{tenant}/sync/status");
  const isUnderWay = data?.status === "running" || !!data?.retrying;
  useEffect(() => {
    const timer = setInterval(reload, isUnderWay ? EVERY_RUNNING : EVERY);
    return () => clearInterval(timer);
  });
  const run = async () => {
    try {
      wrote((await ask("post", "/api/v1/tenants/{tenant}/sync/run")).position);
    } catch {
      reload();
    }
  };
  const tone = !data
    ? ""
    : data.status === "failed" && !data.retrying
      ? "red"
      : data.retrying || data.is_stale
        ? "amber"
        : "calm";
  const why = data?.retrying?.error ?? data?.error;
  const next = tone === "calm" ? null : (data?.retrying?.next_try_at ?? data?.next_run_at);
  return (
    <div class={`banner sync ${tone}`} role="status" aria-label="Sync">
      <span>
        {data ? data.message : error ? `Sync status unknown: ${error.title}` : "\u00a0"}
        {why && (
          <bdi class="cause">
            {" · "}
            {tone === "red" ? "the last sync failed: " : tone === "amber" ? "trying again: " : ""}
            {why}
          </bdi>
        )}
        {next && ` · next try ${shortInstant(next, zone.value)}`}
      </span>
      {data && isNow.value && may("operator") && (
        <button class="link" onClick={() => void run()} disabled={data.status === "running"}>
          Sync now
        </button>
      )}
    </div>
  );
}
