/** How fresh the synced data is, in the server's words; with error and next try where the last run failed. */
import { useEffect } from "preact/hooks";
import { change, address } from "../api/client";
import { useRead } from "../api/use_read";
import { shortInstant } from "../format";
import { wrote } from "../state/live";
import { isNow } from "../state/moment";
import { may, tenant, zone } from "../state/session";

/** How often the age in the text is asked for anew. */
const EVERY = 30_000;

export function SyncBanner() {
  const { data, error, reload } = useRead("/api/v1/tenants/{tenant}/sync/status");
  useEffect(() => {
    const timer = setInterval(reload, EVERY);
    return () => clearInterval(timer);
  });
  const run = async () => {
    try {
      const answer = (await change(
        "POST",
        address("/api/v1/tenants/{tenant}/sync/run", { tenant: tenant.value ?? "" }),
      )) as { position: number };
      wrote(answer.position);
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
        {why && <bdi class="cause"> · {why}</bdi>}
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
